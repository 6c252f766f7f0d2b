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
_KERNELS = "native/kernels/liveness"
NATIVE = (
    Fault(
        "a promise is broken where it is enabled somewhere",
        f"{_KERNELS}/fairness.py",
        "load(load(g, WEAK), w) & load(load(g, ALWAYS), w)",
        "load(load(g, WEAK), w) & load(load(g, EVER), w)",
        "nested-1",
    ),
    Fault(
        "a promise is broken only where it is enabled everywhere",
        f"{_KERNELS}/fairness.py",
        "load(load(g, STRONG), w) & load(load(g, EVER), w)",
        "load(load(g, STRONG), w) & load(load(g, ALWAYS), w)",
        "nested-37",
    ),
    Fault(
        "taken counts all steps",
        f"{_KERNELS}/fairness.py",
        "if met >= low and met <= load(g, VISITED):",
        "if met >= low:",
        "nested-0",
    ),
    Fault(
        "the next round visits nothing",
        f"{_KERNELS}/fairness.py",
        "if mark == 0 or load32(load(g, NUMBER), number) == mark:",
        "if mark == 0:",
        "nested-37",
    ),
    Fault(
        "a component that breaks a strong promise has no fair part",
        f"{_KERNELS}/fairness.py",
        "            leave_out(g, begin)\n",
        "            mark_members(g, begin, CLOSED)\n",
        "nested-37",
    ),
    Fault(
        "a strong promise is hopeless although a step keeps it",
        f"{_KERNELS}/fairness.py",
        "(load(load(g, INSIDE), w) ^ ALL)",
        "ALL",
        "random-2",
    ),
    Fault(
        "what is noted as kept inside are the steps that lead out",
        f"{_KERNELS}/waiting.py",
        "if promise != 0 and load32(load(g, TARGETS), e) != 0:",
        "if promise != 0 and load32(load(g, TARGETS), e) == 0:",
        "random-2",
    ),
    Fault(
        "a state reaches what a finished component reaches",
        f"{_KERNELS}/fairness.py",
        "        store32(load(g, NUMBER), load32(load(g, STACKED), k), mark)\n",
        "",
        "nested-37",
    ),
    Fault(
        "a state does not reach what the next one reaches",
        f"{_KERNELS}/components.py",
        "store32(load(g, NUMBER), load32(before, 1), low)",
        "store32(load(g, NUMBER), state, low)",
        "random-27",
    ),
    Fault(
        "a component ends where one that is open goes on",
        f"{_KERNELS}/components.py",
        "((low < before) << 31)",
        "0",
        "random-14",
    ),
    Fault(
        "waiting goes on after the claim is met",
        f"{_KERNELS}/waiting.py",
        "if (conditions(load(g, CONDITIONS), state, load(g, MORE)) & load(g, AWAITED)) == 0:",
        "if 1 == 1:",
        "nested-0",
    ),
    Fault(
        "waiting begins only in the initial state",
        f"{_KERNELS}/waiting.py",
        "        if begins(g, at) != 0:\n",
        "        if state == 0 and begins(g, at) != 0:\n",
        "nested-11",
    ),
    Fault(
        "a run waits only where it begins to",
        f"{_KERNELS}/waiting.py",
        "            return enlist(g, state, slot, came)\n",
        "            return 0\n",
        "nested-0",
    ),
    Fault(
        "all steps of a state have the name of the first",
        f"{_KERNELS}/waiting.py",
        "store8(taken, e + k, name)",
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
        "a fair component is taken that a later round would find nearer",
        "native/liveness.py",
        "if not least or 0 < best < least:",
        "if not least or best:",
        "nested-76",
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
