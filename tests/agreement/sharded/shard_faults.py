"""Faults to seed in a search that is divided among workers; see ``faults``."""

from __future__ import annotations

from faults import Fault

_KERNEL = "engine/native/kernels/sharded.py"
_SHARD, _DRIVER = "engine/native/sharded/shard.py", "engine/native/sharded/search.py"
FAULTS = (
    Fault(
        "routing",
        "equal states go to different shards",
        _KERNEL,
        "* (8 * KEYS), shards)\n        count",
        "* (8 * KEYS) + 8 * KEYS * (k & 1), shards)\n        count",
    ),
    Fault(
        "routing",
        "the initial state is where it does not belong",
        _SHARD,
        "self.shards) == self.number:",
        "self.shards) == (self.number + 1) % self.shards:",
    ),
    Fault(
        "routing",
        "a batch is lost, and counted all the same",
        _SHARD,
        '            self.kernel["receive"](self.ctx.address, self.inbox.address, count)\n',
        '            if first == 0:\n                self.kernel["receive"]'
        "(self.ctx.address, self.inbox.address, count)\n",
    ),
    Fault(
        "routing",
        "a box runs over into the next",
        _KERNEL,
        "while fullest + largest <= room",
        "while fullest <= 2 * room",
    ),
    Fault(
        "levels",
        "a level ends while another shard has states of it",
        _DRIVER,
        'if not self._sum("waiting"):',
        "if not self.reports[0].waiting:",
    ),
    Fault(
        "levels",
        "what one shard has found says that the search is complete",
        _DRIVER,
        'before = self._sum("states")\n            self._expand_level()\n'
        '            if self.fault or self._sum("states") == before:',
        "before = self.reports[0].states\n            self._expand_level()\n"
        "            if self.fault or self.reports[0].states == before:",
    ),
    Fault(
        "levels",
        "only one shard can end a search",
        _DRIVER,
        "if any(report.hit for report in self.reports):",
        "if self.reports[0].hit:",
    ),
    Fault(
        "runs",
        "a parent is sought where its child is",
        _DRIVER,
        "self._ask(method, *given) if state",
        "self._ask(method, *given)[:1] if state",
    ),
    Fault(
        "runs",
        "a parent is sought in the wrong level",
        _SHARD,
        "self.ends[level], self.ends[level + 1], self.inbox",
        "self.ends[0], self.ends[level], self.inbox",
    ),
    Fault(
        "runs",
        "a parent by orbits is sought among the states themselves",
        _KERNEL,
        "            if SYMMETRIC == 1:\n                canonical",
        "            if SYMMETRIC == 2:\n                canonical",
    ),
    Fault(
        "counting",
        "the conditions that only some shards have seen are forgotten",
        _DRIVER,
        "observed |= sum(",
        "observed = sum(",
    ),
    Fault(
        "counting",
        "coverage is that of one shard",
        _DRIVER,
        "counters = [a + b for a, b in",
        "counters = [b for _, b in",
    ),
)
