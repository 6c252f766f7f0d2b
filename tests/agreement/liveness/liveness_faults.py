"""Faults to seed in the liveness search, among them the mistakes that other checkers are known for.

``old`` stands exactly once in the file; ``at`` is the kind of random graph and the seed where the
fault shows, see ``liveness_hunt``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """One change: its name, the file below the package's engine, the text to replace, and where
    it shows."""

    name: str
    file: str
    old: str
    new: str
    at: str


REFERENCE = (
    Fault(
        "a run cannot stop",
        "reference/liveness.py",
        "                yield component\n",
        "                if any(a in members for _, a in edges[component[0]]):\n"
        "                    yield component\n",
        "random-4",
    ),
    Fault(
        "one promise that is kept is enough",
        "reference/liveness.py",
        "            if not wrong:\n",
        "            if len(wrong) < max(len(promises), 1):\n",
        "nested-0",
    ),
    Fault(
        "weak fairness is taken for strong",
        "reference/lasso.py",
        'if instance in (always if fairness == "weak" else sometimes)',
        "if instance in sometimes",
        "nested-0",
    ),
    Fault(
        "strong fairness is taken for weak",
        "reference/lasso.py",
        'if instance in (always if fairness == "weak" else sometimes)',
        "if instance in always",
        "nested-0",
    ),
    Fault(
        "enabled counts only steps that stay in the component",
        "reference/liveness.py",
        "{i for i, _ in edges[s] if i in promises} for s in component",
        "{i for i, a in edges[s] if i in promises and a in members} for s in component",
        "nested-0",
    ),
    Fault(
        "taken counts steps that leave the component",
        "reference/liveness.py",
        "for i, after in edges[s] if after in members}",
        "for i, after in edges[s]}",
        "nested-0",
    ),
    Fault(
        "a component that breaks a strong promise has no fair part",
        "reference/liveness.py",
        'elif all(promises[i] == "strong" for i in wrong):',
        "elif False:",
        "nested-0",
    ),
    Fault(
        "states seen by another run are not seen again",
        "reference/liveness.py",
        "                if after in stacked:\n",
        "                if False:\n",
        "random-14",
    ),
    Fault(
        "waiting goes on after the claim is met",
        "reference/liveness.py",
        "if after in unmet and after not in found.came",
        "if after not in found.came",
        "nested-0",
    ),
    Fault(
        "waiting begins only once",
        "run.py",
        "starts = [state for state in asks if state in unmet]",
        "starts = [state for state in asks if state in unmet][:1]",
        "random-264",
    ),
    Fault(
        "a loop leaves its component",
        "reference/lasso.py",
        "if step[1] not in self.members:",
        "if step[1] not in self.members and not self.steps(step[1]):",
        "random-27",
    ),
    Fault(
        "the loop is not closed",
        "reference/lasso.py",
        "loop + (self.way(here, start) if here != start else [])",
        "loop",
        "random-27",
    ),
)
NATIVE = (
    Fault(
        "a promise is broken where it is enabled somewhere",
        "native/kernels/liveness.py",
        "find_broken(g, load(g, WEAK), load(g, ALWAYS))",
        "find_broken(g, load(g, WEAK), load(g, EVER))",
        "nested-0",
    ),
    Fault(
        "a promise is broken only where it is enabled everywhere",
        "native/kernels/liveness.py",
        "find_broken(g, load(g, STRONG), load(g, EVER))",
        "find_broken(g, load(g, STRONG), load(g, ALWAYS))",
        "nested-0",
    ),
    Fault(
        "taken counts all steps",
        "native/kernels/liveness.py",
        "== part:\n                add(",
        "!= CLOSED:\n                add(",
        "nested-0",
    ),
    Fault(
        "the next round visits nothing",
        "native/kernels/liveness.py",
        "            store32(load(g, NUMBER), state, 0)\n            store32(load(g, ROOTS)",
        "            store32(load(g, ROOTS)",
        "nested-0",
    ),
    Fault(
        "a component that breaks a strong promise has no fair part",
        "native/kernels/liveness.py",
        "leave_out(g, begin, end, weak)",
        "leave_out(g, begin, end, 1)",
        "nested-0",
    ),
    Fault(
        "a state reaches what a finished component reaches",
        "native/kernels/liveness.py",
        "            store32(load(g, NUMBER), member, CLOSED)\n",
        "",
        "nested-37",
    ),
    Fault(
        "a state does not reach what the next one reaches",
        "native/kernels/liveness.py",
        "            store32(before, 3, low)\n",
        "            store32(call, 3, low)\n",
        "nested-27",
    ),
    Fault(
        "waiting goes on after the claim is met",
        "native/kernels/liveness.py",
        "            store32(waits, first, CLOSED)\n",
        "            store32(waits, first, 0)\n",
        "nested-0",
    ),
    Fault(
        "waiting begins only in the initial state",
        "native/kernels/liveness.py",
        "            if asked != 0:\n",
        "            if first == 0:\n",
        "nested-11",
    ),
    Fault(
        "a run waits only where it begins to",
        "native/kernels/liveness.py",
        "if (number == 0) | (number == BEGINS):",
        "if number == BEGINS:",
        "nested-0",
    ),
    Fault(
        "all steps of a state have the name of the first",
        "native/kernels/liveness.py",
        "store8(taken, e + k, load(names, k))",
        "store8(taken, e + k, load(names, 0))",
        "random-4",
    ),
    Fault(
        "steps have the wrong names",
        "native/expand.py",
        "store i64 {index}, ptr {pointer}",
        "store i64 {index // 2}, ptr {pointer}",
        "random-1",
    ),
    Fault(
        "weak and strong promises are mixed up",
        "native/liveness.py",
        "if fair == name)",
        "if fair != name)",
        "random-1",
    ),
)
FAULTS = REFERENCE + NATIVE
