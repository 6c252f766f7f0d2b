"""Where a statement of a model comes from: source values, and named assumptions.

A step, a sequence or a condition carries one or several of these. A fact that no source settles
is an :class:`Assumption`, which has a name that a litmus test can set to another value.
"""

from __future__ import annotations

from typing import TypeAlias

from vmlitmus.frozen import Frozen


class Source:
    """Root of all source values; ``str()`` is the citation a report prints."""


class Apm(Source, Frozen):
    """AMD64 Architecture Programmer's Manual, volume 2; ``section`` as printed there."""

    section: str

    def __str__(self) -> str:
        return f"APM vol. 2, {self.section}"


class Sdm(Source, Frozen):
    """Intel 64 and IA-32 Software Developer's Manual; ``section`` as printed there."""

    section: str

    def __str__(self) -> str:
        return f"SDM, {self.section}"


class Ghcb(Source, Frozen):
    """SEV-ES Guest-Hypervisor Communication Block standardization; ``section`` as printed."""

    section: str

    def __str__(self) -> str:
        return f"GHCB specification, {self.section}"


class TdxModule(Source, Frozen):
    """A function of Intel's TDX module, whose source is public, in a release such as "1.5.01"."""

    function: str
    release: str

    def __str__(self) -> str:
        return f"{self.function} of the TDX module {self.release}"


class KernelCommit(Source, Frozen):
    """A Linux commit: abbreviated id and subject."""

    id: str
    subject: str

    def __str__(self) -> str:
        return f'{self.id} ("{self.subject}")'


class KernelFile(Source, Frozen):
    """A function (or other named place) of a file in a Linux tree, such as "7.2.13"."""

    path: str
    function: str
    tree: str

    def __str__(self) -> str:
        return f"{self.function} in {self.path} (Linux {self.tree})"


class Lore(Source, Frozen):
    """A mail on a public list: subject, author and date (ISO)."""

    subject: str
    author: str
    date: str

    def __str__(self) -> str:
        return f'"{self.subject}" ({self.author}, {self.date})'


Choice: TypeAlias = bool | str


class Assumption(Source, Frozen):
    """Something no source settles: a name, the statement, its default and its other values.

    ``settled_by`` says what would settle it. ``World.assume(assumption)`` gives the value in force.
    Raises ``ValueError`` when the default is not among the choices.
    """

    name: str
    text: str
    default: Choice = True
    choices: tuple[Choice, ...] = (True, False)
    settled_by: str = ""

    def __post_init__(self) -> None:
        if self.default not in self.choices:
            raise ValueError(f"assumption {self.name!r}: {self.default!r} is not a choice")

    def __str__(self) -> str:
        return f'assumption "{self.name}": {self.text}'


Sources: TypeAlias = Source | tuple[Source, ...]


def as_tuple(source: Sources) -> tuple[Source, ...]:
    """Return the sources as a tuple, whichever way they were written."""
    return source if isinstance(source, tuple) else (source,)
