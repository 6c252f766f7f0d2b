"""A machine and a claim as guarded commands, with the names that the text of an export uses.

Comes in: a ``Machine`` and a ``Claim``. Goes out: a ``System``, from which each target language is
printed: variables, rules, and the condition that a search looks for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

from vmlitmus.compiler import Instance, Machine, Variable
from vmlitmus.compiler.ir.nodes import Emit
from vmlitmus.errors import UsageError
from vmlitmus.export.formulas import Rule, Term, rule_of, truth_of
from vmlitmus.lang import Claim
from vmlitmus.lang.domain import Bool, EnumOf, IntRange, RefTo, SetOf, shown
from vmlitmus.lang.syntax.label import in_words

MOST_BITS = 31  # of one variable: what SPIN's int holds without its sign


@dataclass(frozen=True)
class Named:
    """A rule with its name, such as enter_guest(vcpu0), and what each ending does, in words."""

    name: str
    words: tuple[str, ...]
    rule: Rule


@dataclass(frozen=True)
class System:
    """What is exported. ``constants`` are the names of codes, ``bad`` is what is looked for."""

    title: tuple[str, ...]
    variables: tuple[Variable, ...]
    names: tuple[str, ...]
    initial: tuple[int, ...]
    constants: dict[str, int]
    codes: tuple[tuple[str, ...], ...] = field(repr=False)  # of each variable: its codes' names
    rules: tuple[Named, ...]
    condition: str
    bad: Term


def system_of(machine: Machine, claim: Claim, title: Iterable[str]) -> System:
    """Return a machine as guarded commands, with the claim's condition.

    Raises UsageError for what the target languages cannot hold: a claim that is not "never" or
    "possible", a variable of more than 31 bits.
    """
    if claim.kind not in ("never", "possible"):
        raise UsageError(
            f"the claim {str(claim)!r} cannot be exported: the other model checkers would need our "
            "fairness; only 'never CONDITION' and 'possible CONDITION' are"
        )
    for variable in machine.variables:
        if variable.bits > MOST_BITS:
            raise UsageError(
                f"{variable} has {variable.bits} bits, and an exported variable at most {MOST_BITS}"
            )
    truths = frozenset(v.index for v in machine.variables if v.is_bool)
    names = _unlike(_identifier(f"{v.entity}_{v.name.lstrip('_')}") for v in machine.variables)
    constants: dict[str, int] = {}
    codes = tuple(_codes(v, constants, set(names)) for v in machine.variables)
    return System(
        title=tuple(title),
        variables=machine.variables,
        names=names,
        initial=machine.initial,
        constants=constants,
        codes=codes,
        rules=tuple(
            Named(str(i), _words(machine, i), rule_of(machine.codes[i.index], truths))
            for i in machine.instances
        ),
        condition=claim.condition,
        bad=truth_of(machine.codes[claim.condition], truths),
    )


def _identifier(text: str) -> str:
    found = re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_")
    return found if found[:1].isalpha() else f"x_{found}"


def _unlike(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of which no two are alike."""
    found: dict[str, None] = {}
    for name in names:
        made, number = name, 1
        while made in found:
            number += 1
            made = f"{name}_{number}"
        found[made] = None
    return tuple(found)


def _codes(variable: Variable, constants: dict[str, int], taken: set[str]) -> tuple[str, ...]:
    """Return the names of a variable's codes, none where they are numbers; note the new ones."""
    domain = variable.domain
    if isinstance(domain, (Bool, IntRange, SetOf)) or variable.hidden:
        return ()
    kind = domain.kind.__name__
    values = [domain.decode(code) for code in range(domain.size)]
    found = []
    for code, value in enumerate(values):
        if isinstance(domain, EnumOf):
            assert isinstance(value, Enum)
            text = f"{kind}_{value.name}"
        else:
            text = str(value) if value is not None else f"no_{kind}"
        name = _identifier(text)
        while name in taken or constants.get(name, code) != code:
            name += "_"
        constants[name] = code
        found.append(name)
    return tuple(found)


def _words(machine: Machine, instance: Instance) -> tuple[str, ...]:
    """Return what each ending of an instance does, in words, with what it is bound to."""
    bound = {f"{{{n}}}": shown(b) for n, b in zip(instance.names, instance.binding, strict=True)}
    found = []
    for ending in _endings(machine, instance):
        label = machine.labels[instance.step_id(ending)]
        for name, value in bound.items():
            label = label.replace(name, value)
        found.append(in_words(label))
    return tuple(dict.fromkeys(found))


def _endings(machine: Machine, instance: Instance) -> list[int]:
    blocks = machine.codes[instance.index].blocks
    found = {block.end.ending for block in blocks if isinstance(block.end, Emit)}
    return sorted(found)


def meaning(variable: Variable) -> str:
    """Return what the codes of a variable mean, in one line; empty where that is plain."""
    domain = variable.domain
    if isinstance(domain, SetOf):
        return "bits: " + ", ".join(shown(member) for member in domain.members)
    if isinstance(domain, IntRange) and domain.low and not variable.hidden:
        return (
            f"the value plus {-domain.low}" if domain.low < 0 else f"the value minus {domain.low}"
        )
    if isinstance(domain, RefTo) and variable.hidden:
        return f"a {domain.kind.__name__}, by number"
    return ""
