"""Random small models with fairness, and a second opinion on liveness that knows no components.

The opinion keeps, of the pairs (state, what was taken last), those that can be reached backwards
for ever as fairness demands (after Kesten, Pnueli and Raviv, 1998). Fairness is counted here by
section and actor, not by what the locals of a section are: that makes no difference, because an
actor leaves a section only by taking it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable

from random_models import Writer

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.lang import Claim

Node = tuple[State, Hashable]


def fair_model(choose: Callable[[int], int]) -> str:
    """Return the text of a random model in which most steps and sequences have a fairness."""
    return promised(Writer(choose).model(), choose)


def promised(text: str, choose: Callable[[int], int]) -> str:
    """Return a model's text with a fairness for most of its steps and sequences."""

    def declared(found: re.Match[str]) -> str:
        fair = ("", ', fair="weak"', ', fair="strong"')[choose(3)]
        return found[0].replace("source=S", f"source=S{fair}")

    return re.sub(r"(?m)^@(step|sequence)\(.*", declared, text)


def unit(instance: Instance) -> Hashable:
    """Return what fairness is promised to: a step's binding, or an actor's section."""
    binding = instance.binding if instance.start == 0 else instance.binding[:1]
    return (instance.step.name, instance.start, *map(str, binding))


class Opinion:
    """All states of a machine with their steps; ``TooLarge`` beyond a number of states."""

    def __init__(self, machine: Machine, largest: int) -> None:
        self.stepper = Stepper(machine)
        self.fair = {unit(i): i.step.fair for i in machine.instances if i.step.fair}
        self.steps: dict[State, list[tuple[Hashable, State]]] = {}
        waiting = [machine.initial]
        for state in waiting:
            if state in self.steps:
                continue
            found = self.stepper.successors(state)
            self.steps[state] = [(unit(instance), after) for instance, _, after in found]
            waiting += [after for _, after in self.steps[state] if after not in self.steps]
            if len(self.steps) > largest:
                raise TooLarge
        self.enabled = {s: {u for u, _ in found} for s, found in self.steps.items()}

    def states(self, condition: str) -> set[State]:
        return {state for state in self.steps if self.stepper.holds(state, condition)}

    def violated(self, claim: Claim) -> bool:
        """Say whether some fair run waits in vain."""
        unmet = set(self.steps) - self.states(claim.awaited)
        if claim.kind == "eventually":
            starts = unmet & {self.stepper.machine.initial}
        else:
            starts = unmet & self.states(claim.condition)
        nodes = _reached({(state, None) for state in starts}, lambda n: self.after(n, unmet))
        return bool(self.feasible(nodes))

    def after(self, node: Node, within: set[State]) -> list[Node]:
        """Return what can come next; doing nothing is always possible."""
        state, _ = node
        taken = [(after, who) for who, after in self.steps[state] if after in within]
        return [*taken, (state, None)]

    def feasible(self, nodes: set[Node]) -> set[Node]:
        """Return the nodes that are reached from a fair loop among some nodes."""
        states = {state for state, _ in nodes}
        follow = {n: self.after(n, states) for n in nodes}
        before = set[Node]()
        while before != nodes:
            before = set(nodes)
            nodes = nodes & {m for n in nodes for m in follow[n]}
            for who, fairness in self.fair.items():
                taken = {n for n in nodes if n[1] == who}
                idle = {n for n in nodes if who not in self.enabled[n[0]]}
                if fairness == "weak":
                    nodes = self.from_(taken | idle, nodes, follow)
                else:
                    nodes = idle | self.from_(taken, nodes, follow)
        return nodes

    def from_(
        self, starts: set[Node], nodes: set[Node], follow: dict[Node, list[Node]]
    ) -> set[Node]:
        return _reached(starts, lambda n: [m for m in follow[n] if m in nodes])


class TooLarge(Exception):
    """The model has more states than are worth looking at."""


def _reached(starts: set[Node], after: Callable[[Node], Iterable[Node]]) -> set[Node]:
    found, waiting = set(starts), list(starts)
    while waiting:
        for node in after(waiting.pop()):
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found
