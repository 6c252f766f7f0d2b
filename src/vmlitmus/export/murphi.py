"""A system of guarded commands as Murphi, for Rumur.

Each rule is one of the instances, named by what it does; the claim's condition is an invariant.
"""

from __future__ import annotations

from vmlitmus.compiler import Variable
from vmlitmus.export.formulas import FALSE, Ending
from vmlitmus.export.guarded import Named, System, meaning
from vmlitmus.export.text import Printer, Syntax, commented, in_order

SYNTAX = Syntax({"and": "&", "or": "|"}, "({} ? {} : {})")


def murphi(system: System) -> str:
    """Return the text of a system; its invariant fails where its condition is reached."""
    return "\n".join(_Murphi(system).lines()) + "\n"


class _Murphi:
    def __init__(self, system: System) -> None:
        self.system = system
        self.printer = Printer(system, SYNTAX)

    def lines(self) -> list[str]:
        system = self.system
        title = [f"-- {commented(line)}".rstrip() for line in system.title]
        constants = [f"  {name}: {code};" for name, code in system.constants.items()]
        return [
            *title,
            "--",
            "-- rumur --deadlock-detection off --symmetry-reduction off -o model.c FILE",
            "-- gcc -O2 -std=c11 model.c -o model -lpthread -mcx16; ./model",
            *(["const", *constants] if constants else []),
            "var",
            *self.declared(),
            "",
            'startstate "start"',
            "begin",
            *self.started(),
            "end;",
            *(line for rule in system.rules for line in self.rule(rule)),
            "",
            f'invariant "never {commented(system.condition)}"',
            f"  !({self.printer.term(system.bad)});",
        ]

    def declared(self) -> list[str]:
        found = []
        for variable, name in zip(self.system.variables, self.system.names, strict=True):
            comment = f"  -- {commented(meaning(variable))}" if meaning(variable) else ""
            found.append(f"  {name}: {_kind(variable)};{comment}")
        return found

    def started(self) -> list[str]:
        found = []
        for variable, code in zip(self.system.variables, self.system.initial, strict=True):
            words = self.system.codes[variable.index]
            first = words[code] if words else str(code)
            value = SYNTAX.truths[code] if variable.is_bool else first
            found.append(f"  {self.system.names[variable.index]} := {value};")
        return found

    def rule(self, named: Named) -> list[str]:
        rule = named.rule
        words = commented("; ".join(named.words))
        found = ["", f'rule "{commented(named.name)}: {words}"']
        found += [f"  {self.printer.term(rule.guard)}", "==>"]
        kept = sorted({v for ending in rule.endings for v in in_order(ending.writes)[1]})
        if kept:
            found.append("var")
        for variable in kept:
            kind = _kind(self.system.variables[variable])
            found.append(f"  was_{self.system.names[variable]}: {kind};")
        found.append("begin")
        if rule.fault != FALSE:
            found.append(f"  assert !({self.printer.term(rule.fault)});")
        if len(rule.endings) == 1:
            return [*found, *self.assigned(rule.endings[0], "  "), "end;"]
        for number, ending in enumerate(rule.endings):
            word = "elsif" if number else "if"
            found.append(f"  {word} {self.printer.term(ending.where)} then")
            found += self.assigned(ending, "    ")
        return [*found, *(["  end;"] if rule.endings else []), "end;"]

    def assigned(self, ending: Ending, margin: str) -> list[str]:
        order, kept = in_order(ending.writes)
        names = self.system.names
        self.printer.old = {variable: f"was_{names[variable]}" for variable in kept}
        found = [f"was_{names[variable]} := {names[variable]};" for variable in kept]
        for variable in order:
            value = self.printer.term(ending.writes[variable], self.system.codes[variable])
            found.append(f"{names[variable]} := {value};")
        self.printer.old = {}
        return [margin + line for line in found]


def _kind(variable: Variable) -> str:
    return "boolean" if variable.is_bool else f"0..{variable.domain.size - 1}"
