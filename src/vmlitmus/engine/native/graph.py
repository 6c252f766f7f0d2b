"""What is asked of a finished search: memory and limits around the passes of ``kernels.graph``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, Self

from vmlitmus.engine.limits import Stopped
from vmlitmus.engine.native.jit import Kernel
from vmlitmus.engine.native.kernels import breadth_first, context, graph, keys, table
from vmlitmus.engine.native.kernels.language import compile_kernel
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.native.storage.memory import Region

SLICE = 20_000  # states that a pass looks at between two looks at the clock
_FEW = 20_000  # states up to which the passes are compiled in haste
_WORTH = 4  # a sweep pays that marks at least one in so many states
_Pass = Callable[..., int]
Passes = tuple[tuple[_Pass, ...], tuple[_Pass, ...]]  # what Python calls, and what these call


def unrecoverable(search: Search, good: int) -> int | None:
    """Return the first state from which no state with a condition of ``good`` is reachable.

    Of several searches done as one, ``hits()`` gives it for each. Call it after a search with
    ``graph`` that was complete. Raises Stopped at a limit.
    """
    with Recovery(search) as recovery:
        recovery.mark(good)
    return search.hits().get(0)


class StateGraph:
    """The state graph of a finished search, to be asked by some passes on a context of their own.

    ``FIELDS`` are those of the context behind the search's; ``PASSES`` are compiled at once.
    Closing it gives the memory back. Raises Stopped.
    """

    FIELDS: tuple[str, ...] = ()
    PASSES: Passes = ((), ())

    def __init__(self, search: Search, **constants: int) -> None:
        self.search = search
        self.states = search.get("TAIL")
        self.regions: dict[str, Region] = {}
        self.allocated = search.allocated
        names = (*context.FIELDS, *self.FIELDS)
        self.field = {name: index for index, name in enumerate(names)}
        self.ctx = Region(8 * len(names))
        self.ctx.restore(search.ctx.image())
        self.put("COVERAGE", search.uncounted)
        given = search.constants | self.field | constants
        given |= {name: getattr(graph, name) for name in ("GOOD", "SEED", "NEAR")}
        self.given = tuple(given.items())
        self.kernel: dict[str, Any] = {}
        self.compile(self.PASSES)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def compile(self, passes: Passes) -> None:
        """Compile some passes."""
        self.kernel |= _kernel(self.given, 0 if self.states < _FEW else 2, passes)

    def close(self) -> None:
        """Give the memory back."""
        for region in (*self.regions.values(), self.ctx):
            region.close()
        self.regions = {}

    def get(self, name: str) -> int:
        """Return a field of the context."""
        return self.ctx.words(self.field[name], 1)[0]

    def put(self, name: str, value: int) -> None:
        """Set a field of the context."""
        self.ctx.set_word(self.field[name], value)

    def room(self, **sizes: int) -> None:
        """Make or grow some regions, and tell the passes where they are; raises Stopped."""
        before = {name: self.regions[name].size for name in sizes if name in self.regions}
        self.allocated += sum(sizes.values()) - sum(before.values())
        most = self.search.limits.memory
        if most is not None and self.allocated > most:
            raise Stopped("memory")
        for name, size in sizes.items():
            if name in before:
                self.regions[name].grow(size)
            else:
                self.regions[name] = Region(size)
            self.put(name, self.regions[name].address)

    def over(self, name: str, *given: int, backwards: bool = False) -> None:
        """Let a pass go over all states, some at a time."""
        slices: Sequence[tuple[int, int]] = [*self._slices()]
        for first, last in reversed(slices) if backwards else slices:
            self.kernel[name](self.ctx.address, *given, first, last)
            self.search.look()

    def until_done(self, name: str, budget: int = SLICE) -> None:
        """Call a pass until it returns 0."""
        while self.kernel[name](self.ctx.address, budget):
            self.search.look()

    def number_states(self) -> None:
        """Note which state stands in each slot of the table."""
        self.room(INDEX=4 * self.get("SLOTS"))
        self.over("number_states")

    def _slices(self) -> Iterator[tuple[int, int]]:
        for first in range(0, self.states, SLICE):
            yield first, min(first + SLICE, self.states)


class Recovery(StateGraph):
    """Which states lead to one that satisfies a condition."""

    FIELDS = graph.FIELDS
    PASSES = (tuple(graph.PASSES), tuple(graph.INTERNAL))

    def mark(self, good: int) -> None:
        """Note in the search, as a hit, the first state that leads to none with ``good``."""
        self.room(MARK=self.states)
        self.number_states()
        self.over("mark_good", good)
        while self._sweep():
            pass
        if self.get("UNMARKED"):
            self._mark_back()
        self.over("first_unmarked")

    def _sweep(self) -> bool:
        """Mark what leads to a marked state in one sweep; say whether another one pays."""
        for name in ("MARKED", "UNMARKED", "LEADING"):
            self.put(name, 0)
        self.over("sweep", backwards=True)
        unmarked = self.get("UNMARKED")
        return unmarked > 0 and self.get("MARKED") * _WORTH >= unmarked

    def _mark_back(self) -> None:
        """Mark what leads to a marked state, by reverse edges among those that are unmarked."""
        unmarked, leading = self.get("UNMARKED"), self.get("LEADING")
        written = 4 * (2 * unmarked + leading)
        self.compile((tuple(graph.BACKWARDS), tuple(graph.INTERNAL)))
        self.room(BEFORE=8 * (self.states + 1), STACK=4 * unmarked, EDGE_LIST=written)
        self.over("write_edges")
        if not self.get("HEIGHT"):
            return
        self.room(SOURCES=4 * self.get("TURNED"))
        self.kernel["sum_up"](self.ctx.address, self.states)
        self.until_done("reverse")
        self.until_done("mark_back")


@cache
def _kernel(given: tuple[tuple[str, int], ...], effort: int, passes: Passes) -> Mapping[str, Any]:
    """Return some passes for some constants, compiled once."""
    exported = passes[0]
    names = frozenset(f.__name__ for f in exported)
    internal = [*keys.INTERNAL, *table.LOOKING, breadth_first.owner, *passes[1]]
    native = Kernel(compile_kernel([*internal, *exported], dict(given), names), effort)
    return {f.__name__: native.function(f.__name__, f.__code__.co_argcount) for f in exported}
