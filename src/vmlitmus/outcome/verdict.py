"""What a check found, as plain data: the only thing that reports read.

Source: the JSON contract ``vmlitmus/outcome/1``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from enum import StrEnum

from vmlitmus.frozen import Frozen


class Verdict(StrEnum):
    """The answer to a claim, within the stated bounds."""

    HOLDS = "holds"
    VIOLATED = "violated"
    INCONCLUSIVE = "inconclusive"


class Word(Frozen):
    """A word that sums up a cell: the first whose condition some state satisfies is the cell's.

    ``reached`` is None for the word of a cell in which none was.
    """

    word: str
    reached: str | None


def word_of(words: Iterable[Word], observed: Mapping[str, bool]) -> str | None:
    """Return the word that the observations of a cell give it; None where there are no words."""
    return next((w.word for w in words if w.reached is None or observed[w.reached]), None)


class Cause(Frozen):
    """An earlier step of another actor that a step rests on, and the fields it goes through.

    ``step`` is its position in the trace. ``needed`` says that the step could not have happened
    with the old value; otherwise it would have done something else.
    """

    step: int
    fields: tuple[str, ...]
    needed: bool


class Excerpt(Frozen):
    """A function of a model: its file, its lines from number ``first`` on, and which of them run.

    ``marked`` are the numbers of the lines of one atomic section; empty where all of it runs.
    """

    file: str
    first: int
    lines: tuple[str, ...]
    marked: tuple[int, ...] = ()


class TraceStep(Frozen):
    """One step of a counterexample or witness, as the reference engine executed it.

    ``changes`` maps "page0.owner" to its values before and after, as text. The rest is there when
    it was asked for: ``causes`` are the steps of other actors that it rests on; ``moves`` says for
    each actor that it moves where it was and is; ``mechanism`` is the file of the model that the
    step stands in; ``assumptions`` are those that it rests on, with their values.
    """

    step: str
    binding: tuple[str, ...]
    label: str
    actor: Mapping[str, str]
    cpu: str | None
    changes: Mapping[str, tuple[str, str]]
    source: str
    causes: tuple[Cause, ...] = ()
    moves: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    mechanism: str = ""
    assumptions: tuple[str, ...] = ()


class Result(Frozen):
    """What one engine found for one claim on one machine.

    ``states``, ``transitions`` and ``depth`` are counts as the design defines them; ``seconds``
    is wall time; ``never_fired`` maps the steps that no run took to their labels; ``observed`` says
    for each asked condition whether a counted state satisfies it. ``vacuous`` says that the verdict
    means nothing; then a warning says why. ``backing`` says in words what
    was reached, so that a claim that holds is not empty. Where the trace is a lasso, its step
    ``loop_start`` begins the loop (no step: the run stops there for ever), and before its step
    ``since`` the run begins to wait. ``initial`` is the state before the first step of the trace,
    as text, ``fixed`` the fields that no step changes, and ``code`` what each of its steps runs;
    they are there when they were asked for. Where one state stood for all that are like it,
    ``orbits`` counts those that were searched, ``interchangeable`` names the entities that may take
    each other's place, and ``different`` says why others may not; the counts are of all states.
    """

    verdict: Verdict
    engine: str
    states: int
    transitions: int
    depth: int
    seconds: float
    coverage: Mapping[str, int] = field(default_factory=dict)
    never_fired: Mapping[str, str] = field(default_factory=dict)
    trace: tuple[TraceStep, ...] | None = None
    loop_start: int | None = None
    since: int | None = None
    warnings: tuple[str, ...] = ()
    vacuous: bool = False
    reason: str | None = None
    observed: Mapping[str, bool] = field(default_factory=dict)
    backing: tuple[str, ...] = ()
    initial: Mapping[str, str] = field(default_factory=dict)
    fixed: Mapping[str, str] = field(default_factory=dict)
    code: Mapping[str, tuple[Excerpt, ...]] = field(default_factory=dict)
    orbits: int | None = None
    interchangeable: tuple[str, ...] = ()
    different: tuple[str, ...] = ()


class PassedStore(Frozen):
    """A store, and what may be seen before it: fields, each with the function and the place.

    ``is_load`` says whether that is a load; else it is a change that others see at once.
    """

    store: str
    store_in: str
    store_at: str
    then: str
    then_in: str
    then_at: str
    is_load: bool

    def __str__(self) -> str:
        does = "reads" if self.is_load else "changes"
        where = "" if self.then_in == self.store_in else f"{self.then_in}() "
        return (
            f"{self.store_in}() stores {self.store} ({self.store_at});"
            f" {where}{does} {self.then} ({self.then_at})"
        )


class MemoryOrder(Frozen):
    """What is known of memory order under x86-TSO.

    ``pairs`` have no drain between them on some way, ``drains`` are what drains the other stores.
    """

    pairs: tuple[PassedStore, ...]
    drains: tuple[str, ...]


class Thread(Frozen):
    """A mail thread that a test cites by the name of a file: who asked, and when (ISO date)."""

    file: str
    subject: str
    author: str
    date: str

    def __str__(self) -> str:
        return f'"{self.subject}" ({self.author}, {self.date})'


class Outcome(Frozen):
    """A test, or one cell of its matrix, with its result: one entry of ``vmlitmus/outcome/1``.

    ``then_text`` is what has to follow, for a ``leads_to``. ``stored`` are the blessed [states,
    transitions, depth], if there are any; ``error`` is the message when there is no result because
    test or model is faulty, and ``exit_code`` its code. ``word`` sums up what was observed, where
    the test says how. ``arguments`` select it again on the command line. ``without`` are parts
    switched off besides those of the test: then what the test expects is not expected. ``off`` are
    those that the test itself switches off, ``chosen`` the assumptions that it sets. ``yes`` is the
    verdict that answers the question with yes, where the test says so. ``thread`` is the source
    where that is a mail thread; ``file`` is where the test is.
    """

    name: str
    topic: str
    question: str
    source: str
    because: str
    decided_by: str
    claim: str
    claim_text: str
    expected: Verdict | None  # None where the test expects nothing
    where: Mapping[str, str]
    result: Result | None = None
    bounds: Mapping[str, object] = field(default_factory=dict)
    assumptions: tuple[str, ...] = ()
    then_text: str | None = None
    stored: tuple[int, ...] | None = None
    error: str | None = None
    exit_code: int = 0
    word: str | None = None
    expected_word: str | None = None
    arguments: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    start: str = ""  # how things stand at first, in one line
    off: tuple[str, ...] = ()
    chosen: tuple[str, ...] = ()
    yes: Verdict | None = None
    thread: Thread | None = None
    file: str = ""
    not_modelled: tuple[str, ...] = ()  # what the mechanisms that took part leave out
    order: MemoryOrder | None = None  # None where memory is sequentially consistent
    command: str = "explain"  # what shows it again, with ``arguments``
    kept: bool = False  # the result is that of an earlier check

    @property
    def answer(self) -> str | None:
        """Return "yes" or "no"; None where the question is not one, or not decided as it stands."""
        asked = (self.because or self.expected is None) and not self.without
        asked = asked and self.yes is not None
        if not asked or self.result is None or self.result.verdict is Verdict.INCONCLUSIVE:
            return None
        return "yes" if self.result.verdict is self.yes else "no"

    @property
    def conclusive(self) -> bool:
        """Say whether there is a verdict, which any other search would find as well."""
        return self.result is not None and self.result.verdict is not Verdict.INCONCLUSIVE

    @property
    def interrupted(self) -> bool:
        """Say whether the user interrupted the search."""
        return self.result is not None and self.result.reason == "interrupted"

    @property
    def citation(self) -> str:
        """Return the source as people cite it: a thread by subject, author and date."""
        return str(self.thread) if self.thread else self.source

    @property
    def counts(self) -> tuple[int, ...] | None:
        """States, transitions and depth of the result."""
        r = self.result
        return (r.states, r.transitions, r.depth) if r else None

    @property
    def counts_differ(self) -> bool:
        """Say whether a conclusive result has other counts than those stored."""
        return self.conclusive and self.stored is not None and self.stored != self.counts

    @property
    def word_differs(self) -> bool:
        """Say whether the cell's word is another than the one expected."""
        return self.expected_word not in (None, self.word)

    @property
    def as_expected(self) -> bool:
        """Say whether verdict and word are the expected ones, with the stored counts.

        Any verdict is, where nothing is expected; a vacuous one is none that anybody expects.
        """
        return self._agrees and not (self.result is not None and self.result.vacuous)

    @property
    def _agrees(self) -> bool:
        if self.result is None or self.result.verdict is Verdict.INCONCLUSIVE:
            return False
        right = self.expected in (None, self.result.verdict)
        return right and not self.counts_differ and not self.word_differs

    @property
    def code(self) -> int:
        """Return the exit code that this outcome alone would give."""
        if self.result is None:
            return self.exit_code
        if self.result.verdict is Verdict.INCONCLUSIVE:
            return 3
        if self._agrees:
            return 3 if self.result.vacuous else 0
        return 1


class PublishedClaim(Frozen):
    """What somebody said of cells of a matrix: which conditions are reached there, and which not.

    ``where`` gives the values of some axes, each a choice of one or several; ``agrees`` what the
    file expects of the comparison with what the model observes; ``note`` why they differ, or what
    was left open.
    """

    by: str
    text: str
    where: Mapping[str, tuple[str, ...]]
    seen: tuple[str, ...]
    unseen: tuple[str, ...]
    agrees: bool
    note: str


_PRECEDENCE = (70, 130, 2, 1, 3, 0)


def exit_code(codes: Iterable[int]) -> int:
    """Return the exit code of several outcomes: the gravest."""
    return min(codes, key=_PRECEDENCE.index, default=0)
