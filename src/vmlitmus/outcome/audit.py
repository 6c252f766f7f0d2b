"""What an audit found, as plain data: the only thing that its reports read.

Source: the JSON contract ``vmlitmus/audit/1``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Answer(StrEnum):
    """The three answers to a claim about a host."""

    TRUE = "true"
    FALSE = "false"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True)
class Evidence:
    """A fact that decides: where it was read, and what was there."""

    where: str
    value: str


@dataclass(frozen=True)
class ForEver:
    """Whether a claim that is true now stays true, whatever happens.

    ``ends_it`` are the smallest sets of actions that together make it false, ``forbid`` the
    smallest sets that must be forbidden for it to stay true. ``text`` says why it cannot be told.
    """

    answer: Answer
    ends_it: tuple[tuple[str, ...], ...] = ()
    forbid: tuple[tuple[str, ...], ...] = ()
    text: str = ""


@dataclass(frozen=True)
class Judged:
    """The answer to one claim. ``about`` is "host", the name of a domain, or of two.

    ``text`` is one sentence; ``run`` the model's shortest run to a false claim, in words; ``but``
    limits a true one; ``missing`` says what would have to be known.
    """

    claim: str
    about: str
    answer: Answer
    text: str
    evidence: tuple[Evidence, ...] = ()
    run: tuple[str, ...] = ()
    but: str = ""
    missing: tuple[str, ...] = ()
    for_ever: ForEver | None = None


@dataclass(frozen=True)
class ThreadRole:
    """A thread of a VMM and what it was taken for, and why; ``policy`` is its scheduling class."""

    tid: int
    comm: str
    role: str
    why: str
    allowed: str
    cookie: str
    policy: str = ""


@dataclass(frozen=True)
class DomainReport:
    """One VM: who it is, what its threads are, and its claims. ``source`` says where it was found.

    ``applies`` is "" or the reason why no claim about KVM applies.
    """

    name: str
    vmm: str
    pid: int | None
    source: str
    threads: tuple[ThreadRole, ...]
    judged: tuple[Judged, ...]
    notes: tuple[str, ...] = ()
    applies: str = ""


@dataclass(frozen=True)
class Fix:
    """A fix and what a kernel has of it: "has", "lacks", "cannot tell" or "not concerned"."""

    commit: str
    title: str
    cve: str
    area: str
    status: str
    why: str
    protects: str
    trigger: str
    test: str
    shown_by: str = ""  # what shows it in the source


UNMENDED = "no release that was read"


@dataclass(frozen=True)
class Finding:
    """A finding and whether a kernel has it.

    ``status`` is "has", "mended" or "not concerned"; "not read" where other releases of its branch
    were, of which ``why`` tells, or "not known" where none was. ``hurts`` is "the host", "another
    tenant" or "the guest itself"; ``mended_by`` names releases, or says that there is none.
    ``test`` and ``cure`` are cells of the catalogue, the cure or "".
    """

    title: str
    hurts: str
    status: str
    why: str
    mended_by: str
    needs: str
    test: str
    cure: str


@dataclass(frozen=True)
class HostReport:
    """The host in a few words; ``facts`` are those that no claim goes by, for people to look at."""

    where: str
    kernel: str
    cpus: str
    smt: str
    guest: str
    facts: tuple[Evidence, ...] = ()


@dataclass(frozen=True)
class Audit:
    """A whole audit. ``unread`` maps places to the reason why they could not be read."""

    host: HostReport
    judged: tuple[Judged, ...]
    domains: tuple[DomainReport, ...]
    fixes: tuple[Fix, ...] = ()
    unread: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = field(default=())

    @property
    def all_judged(self) -> tuple[Judged, ...]:
        return (*self.judged, *(j for domain in self.domains for j in domain.judged))


def exit_code(answers: Iterable[Answer]) -> int:
    """0 all true, 1 some false, else 3 some cannot be told."""
    found = set(answers)
    if Answer.FALSE in found:
        return 1
    return 3 if Answer.CANNOT_TELL in found else 0


def together(answers: Iterable[Answer]) -> Answer:
    """Return the answer to several claims at once: all of them true, one false, or neither."""
    found = set(answers)
    if Answer.FALSE in found:
        return Answer.FALSE
    return Answer.CANNOT_TELL if Answer.CANNOT_TELL in found else Answer.TRUE
