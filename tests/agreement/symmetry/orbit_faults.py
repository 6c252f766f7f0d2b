"""Faults to seed in the proof of symmetry and in the search by orbits; see ``faults``."""

from __future__ import annotations

from faults import Fault

_PROOF, _CANONICAL = "compiler/symmetry/proof.py", "engine/native/symmetry/canonical.py"
FAULTS = (
    Fault(
        "proof",
        "conditions are taken for symmetric",
        _PROOF,
        "for name in self.conditions:",
        "for name in ():",
        at=49,
    ),
    Fault(
        "proof",
        "what a step leaves behind is not compared: a hidden index",
        _PROOF,
        "!= self.left(target, after, self.exchanged):",
        "is None:",
        at=12,
    ),
    Fault(
        "proof",
        "a loop that takes the first one it finds passes for one without order",
        _PROOF,
        "        for variable in self.written(before, after):",
        "        for variable in sorted(before.writes)[1:]:",
        at=12,
    ),
    Fault(
        "canonical form",
        "a dead local is exchanged",
        "engine/native/symmetry/permuting.py",
        "        if lives:\n",
        '        if lives == "":\n',
        at=6,
    ),
    Fault(
        "canonical form",
        "sorting stops too early",
        _CANONICAL,
        "for end in range(len(factor.blocks) - 1, 0, -1):",
        "for end in range(len(factor.blocks) - 1, 1, -1):",
        at=2,
    ),
    Fault(
        "canonical form",
        "what refers to each other is sorted one after the other",
        _CANONICAL,
        "return bool(moves & (others | _names(other)) or others & _names(one))",
        "return False",
        at=17,
    ),
    Fault(
        "canonical form",
        "a tie is broken by order",
        _CANONICAL,
        "{equal}, i64 {longer}, i64 1",
        "{equal}, i64 1, i64 1",
        at=2,
    ),
    Fault(
        "canonical form",
        "the least of several orders is met once",
        _CANONICAL,
        "{less}, i64 1, i64 {more}",
        "{less}, i64 1, i64 %met",
        at=9,
    ),
    Fault(
        "canonical form",
        "not all orders are tried",
        _CANONICAL,
        "down, up = list(range(count - 2, -1, -1)), list(range(count - 1))",
        "down, up = list(range(count - 2, -1, -1)), list(range(count - 1))[:0]",
        at=101,
    ),
    Fault(
        "counting",
        "steps of one orbit share what fires by the first of them",
        "engine/native/symmetry/orbits.py",
        "divmod(sums[name] * share, size)",
        "divmod(sums[name], 1)",
        at="mask-covers-dirty-cpus",
    ),
    Fault(
        "counting",
        "a transition of an orbit counts once",
        "engine/native/kernels/breadth_first.py",
        "load(ctx, TRANSITIONS) + got * size",
        "load(ctx, TRANSITIONS) + got",
        at=6,
    ),
    Fault(
        "counting",
        "an edge leads to a state itself, not to the one that stands for its orbit",
        "engine/native/kernels/breadth_first.py",
        "            canonical(load(ctx, CANONICAL), successor)\n",
        "            orbit(ctx, successor)\n",
        at=6,
    ),
    Fault(
        "runs",
        "permutations are not undone",
        "engine/native/symmetry/orbits.py",
        "for successor in self._reached(found[-1]):",
        "for successor in [wanted]:",
        at="policy-grid-two-reclaimers[cache_flush=none,allow=guest-write+eviction+migration+reclaim+host-reuse]",
    ),
)
