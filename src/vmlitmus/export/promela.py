"""A system of guarded commands as Promela, for SPIN.

One process chooses among all enabled rules; each is a d_step, so that SPIN's states are ours.
SPIN joins states that differ only in variables that no rule reads any more, unless told by -o2.
"""

from __future__ import annotations

from vmlitmus.export.formulas import FALSE, Ending
from vmlitmus.export.guarded import Named, System, meaning
from vmlitmus.export.text import Printer, Syntax, commented, in_order

SYNTAX = Syntax({"and": "&&", "or": "||", "=": "=="}, "({} -> {} : {})")


def promela(system: System) -> str:
    """Return the text of a system; an assertion fails where its condition is reached."""
    return "\n".join(_Promela(system).lines()) + "\n"


class _Promela:
    def __init__(self, system: System) -> None:
        self.system = system
        self.printer = Printer(system, SYNTAX)
        self.most_kept = 0

    def lines(self) -> list[str]:
        rules = [line for rule in self.system.rules for line in self.rule(rule)]
        title = [f" * {commented(line)}".rstrip() for line in self.system.title]
        kept = [f"int was{number} = 0;" for number in range(self.most_kept)]
        return [
            "/*",
            *title,
            " *",
            " * spin -o2 -a FILE; gcc -O2 -DSAFETY -DNOREDUCE pan.c -o pan; ./pan -m1000000",
            " */",
            *(f"#define {name} {code}" for name, code in self.system.constants.items()),
            "",
            *self.declared(),
            *kept,
            "",
            f"#define BAD ({self.printer.term(self.system.bad)})",
            "",
            "active proctype model() {",
            "end: do",
            f"    /* {commented(self.system.condition)} */",
            "    :: d_step { BAD -> assert(!BAD) }",
            *rules,
            "    od",
            "}",
        ]

    def declared(self) -> list[str]:
        found = []
        system = self.system
        for variable, name, code in zip(
            system.variables, system.names, system.initial, strict=True
        ):
            words = system.codes[variable.index]
            first = words[code] if words else str(code)
            comment = f"  /* {commented(meaning(variable))} */" if meaning(variable) else ""
            if variable.is_bool:
                found.append(f"bool {name} = {SYNTAX.truths[code]};")
            else:
                found.append(f"unsigned {name} : {max(variable.bits, 1)} = {first};{comment}")
        return found

    def rule(self, named: Named) -> list[str]:
        rule = named.rule
        guard = self.printer.term(rule.guard)
        found = [f"    /* {commented(named.name)}: {commented('; '.join(named.words))} */"]
        found.append(f"    :: d_step {{ {guard} ->")
        if rule.fault != FALSE:
            found.append(f"        assert(!({self.printer.term(rule.fault)}));")
        if len(rule.endings) == 1:
            return [*found, *self.assigned(rule.endings[0], "        "), "       }"]
        found.append("        if")
        for ending in rule.endings:
            found.append(f"        :: {self.printer.term(ending.where)} ->")
            found += self.assigned(ending, "           ")
        if rule.fault != FALSE or not rule.endings:
            found.append("        :: else -> skip")
        return [*found, "        fi", "       }"]

    def assigned(self, ending: Ending, margin: str) -> list[str]:
        writes = ending.writes
        order, kept = in_order(writes)
        self.most_kept = max(self.most_kept, len(kept))
        names = self.system.names
        found = [f"was{number} = {names[variable]};" for number, variable in enumerate(kept)]
        self.printer.old = {variable: f"was{number}" for number, variable in enumerate(kept)}
        for variable in order:
            value = self.printer.term(writes[variable], self.system.codes[variable])
            found.append(f"{names[variable]} = {value};")
        self.printer.old = {}
        found += [f"was{number} = 0;" for number, _ in enumerate(kept)]
        return [margin + line for line in found or ["skip;"]]
