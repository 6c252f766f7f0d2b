"""The canonical form: of all states that permutations make of one, the least.

Some blocks are put in order by sorting: a state is compared with what the exchange of two
neighbours makes of it, and the lesser one is kept, as in a bubble sort. That gives the least one
where a block has all that tells it from another in fields of its own, or in fields of entities that
stay. The other blocks are tried in every order ("plain changes": each is one exchange away from the
last), and each time the first ones are sorted; the least of all is kept.

The number of states in the orbit is the number of permutations over that of those that change
nothing: for sorted blocks the factorials of how many are alike in a row, for the others how often
the least was met.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from vmlitmus.compiler.symmetry import Action, Factor, Symmetry
from vmlitmus.compiler.symmetry.group import normal
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.symmetry.permuting import Text, bit_places, exchanged
from vmlitmus.lang.entity import Entity

MOST_TRIED = 720  # orders in which blocks are tried


class Role(NamedTuple):
    """What is compared of two blocks: their "own" fields, or what "names" or "holds" them.

    ``component`` is the place in its block of the entity that it is about, ``name`` that of its
    field, ``variable`` the one that names or holds it. ``reverse`` says that the higher block's
    value counts less.
    """

    kind: str
    component: int = 0
    name: str = ""
    variable: int = 0
    reverse: bool = False


@dataclass(frozen=True)
class Plan:
    """Which blocks are sorted, inner ones first, and which are tried in every order."""

    sorted: tuple[Factor, ...]
    tried: tuple[Factor, ...]

    @property
    def factors(self) -> tuple[Factor, ...]:
        return self.sorted + self.tried

    @property
    def order(self) -> int:
        """How many permutations there are in all."""
        return math.prod(factor.order for factor in self.factors)

    @property
    def orders(self) -> int:
        """How many orders are tried."""
        return math.prod(factor.order for factor in self.tried)


def plan(symmetry: Symmetry, layout: Layout) -> Plan:
    """Return how canonical forms are made; blocks are left out where too many had to be tried."""
    factors = symmetry.factors
    while True:
        chosen: list[Factor] = []
        for factor in sorted(factors, key=lambda f: -f.order):
            if sortable(factor, layout) and not any(
                related(factor, f) and not nested(factor, f, factors, layout) for f in chosen
            ):
                chosen.append(factor)
        tried = tuple(f for f in factors if f not in chosen)
        found = Plan(tuple(f for f in factors if f in chosen), tried)
        if found.orders <= MOST_TRIED:
            return found
        largest = max(tried, key=lambda f: f.order)
        factors = normal(tuple(g for f in factors for g in _shorter(f, f is largest)))


def _shorter(factor: Factor, shorten: bool) -> list[Factor]:
    """Return a factor, or what is left of it without its last block."""
    if not shorten:
        return [factor]
    if len(factor.blocks) == 2:
        return []
    return [replace(factor, blocks=factor.blocks[:-1], exchanges=factor.exchanges[:-1])]


def sortable(factor: Factor, layout: Layout) -> bool:
    """Say whether sorting the blocks of a factor, by itself, gives the least state.

    Two blocks always can be. More can where no block names another, and where the same fields
    decide, in the same order, whichever neighbours are compared.
    """
    if len(factor.blocks) == 2:
        return True
    if any(_moved(a) & _named(a) for a in factor.exchanges):
        return False
    pairs = zip(factor.exchanges, factor.blocks, factor.blocks[1:], strict=False)
    roles = [_roles(action, lower, layout) for action, lower, _ in pairs]
    return None not in roles and all(r == roles[0] for r in roles)


def related(one: Factor, other: Factor) -> bool:
    """Say whether sorting the blocks of one factor may depend on the order of another's."""
    moves, others = _moves(one), _moves(other)
    return bool(moves & (others | _names(other)) or others & _names(one))


def nested(one: Factor, other: Factor, factors: Sequence[Factor], layout: Layout) -> bool:
    """Say whether one factor sorts inside the blocks of another, and in each in the same way."""
    for inner, outer in ((one, other), (other, one)):
        if _moves(inner) & _names(outer) or _moves(outer) & _names(inner):
            continue
        if _inside(inner, outer) and all(
            _sorts_alike(inner, a, factors, layout) for a in outer.exchanges
        ):
            return True
    return False


def _inside(inner: Factor, outer: Factor) -> bool:
    """Say whether each exchange of a factor stays inside one block of another."""
    return all(
        any(set(exchange.moved) <= set(block) for block in outer.blocks)
        for exchange in inner.exchanges
    )


def _sorts_alike(inner: Factor, outer: Action, factors: Sequence[Factor], layout: Layout) -> bool:
    """Say whether an exchange of blocks turns sorted ones into sorted ones."""
    moved = outer.moved
    for action, lower in zip(inner.exchanges, inner.blocks, strict=False):
        turned = {moved.get(a, a): moved.get(b, b) for a, b in action.moved.items()}
        blocks = tuple(moved.get(e, e) for e in lower)
        there = next((a for f in factors for a in f.exchanges if a.moved == turned), None)
        roles = _roles(action, lower, layout)
        if there is None or roles is None:
            return False
        expected = [
            role if role.kind == "own" else role._replace(variable=outer.moves[role.variable])
            for role in roles
        ]
        if _roles(there, blocks, layout) != expected:
            return False
    return True


def _moved(action: Action) -> set[int]:
    return {v for v, target in enumerate(action.moves) if v != target}


def _named(action: Action) -> set[int]:
    return {*action.refs, *action.sets}


def _moves(factor: Factor) -> set[int]:
    return set().union(*map(_moved, factor.exchanges))


def _names(factor: Factor) -> set[int]:
    return set().union(*map(_named, factor.exchanges))


def _roles(action: Action, lower: Sequence[Entity], layout: Layout) -> list[Role] | None:
    """Return what is compared first, second ... when an exchange is; None where it is not clear.

    Each comes with the direction: whether it is the higher block whose value counts more.
    """
    found: dict[tuple[int, int], Role] = {}
    component = {entity: number for number, entity in enumerate(lower)}
    for variable, target in enumerate(action.moves):
        entity = action.variables[variable].entity
        if target != variable and entity in component:
            here, there = _top(layout, variable), _top(layout, target)
            if here is None or there is None:
                return None
            name = action.variables[variable].name
            role = Role("own", component[entity], name, reverse=there < here)
            found[min(here, there)] = role
    for variable in action.refs:
        top = _top(layout, variable)
        codes = action.refs[variable]
        own = [entity.index for entity in component if _is(entity, action, variable)]
        ways = {codes[code] > code for code in own}
        if top is None or len(ways) != 1:
            return None
        found[top] = Role("names", variable=variable, reverse=ways == {False})
    for variable, members in action.sets.items():
        places = bit_places(layout, variable)
        for entity, number in component.items():
            if _is(entity, action, variable):
                ends = places[entity.index], places[members[entity.index]]
                here, there = map(_significance, ends)
                found[min(here, there)] = Role("holds", number, "", variable, there < here)
    return [found[place] for place in sorted(found)]


def _is(entity: Entity, action: Action, variable: int) -> bool:
    """Say whether a variable may name an entity."""
    return isinstance(entity, action.variables[variable].domain.kind)  # type: ignore[union-attr]


def _top(layout: Layout, variable: int) -> tuple[int, int] | None:
    """Return how early the highest bit of a variable is compared; None with several places."""
    if len(layout.places[variable]) != 1:
        return None
    places = bit_places(layout, variable)
    return _significance(places[-1]) if places else None


def _significance(bit: tuple[int, int]) -> tuple[int, int]:
    """Return a key: words are compared from the first on, from their highest bit down."""
    return bit[0], -bit[1]


def plain_changes(count: int) -> list[int]:
    """Return exchanges of neighbours, by the lower place, that go through all orders of some."""
    if count < 2:
        return []
    inner = plain_changes(count - 1)
    down, up = list(range(count - 2, -1, -1)), list(range(count - 1))
    found: list[int] = []
    for number in range(len(inner) + 1):
        found += up if number % 2 else down
        if number < len(inner):
            found.append(inner[number] + (0 if number % 2 else 1))
    return found


def walk(factors: Sequence[Factor]) -> list[Action]:
    """Return exchanges that go through all orders of the blocks of some factors."""
    found: list[Action] = []
    for factor in factors:
        inner = list(found)
        for change in plain_changes(len(factor.blocks)):
            found += [factor.exchanges[change], *inner]
    return found


def canonical_text(found: Plan, layout: Layout) -> str:
    """Return ``i64 @canonical(ptr state)``: it makes a state canonical, and returns its orbit."""
    return _Writer(found, layout).text()


class _Writer(Text):
    """Writes the function; a state is a list of names of words."""

    def __init__(self, found: Plan, layout: Layout) -> None:
        super().__init__()
        self.plan = found
        self.layout = layout
        self.words = range(layout.words)

    def text(self) -> str:
        self.lines.append("define i64 @canonical(ptr %state) {\nentry:")
        pointers = [self.op(f"getelementptr i64, ptr %state, i64 {word}") for word in self.words]
        state = [self.op(f"load i64, ptr {pointer}") for pointer in pointers]
        if self.plan.tried:
            least, met, tables = self.tried(state)
        else:
            least, met, tables = self.sorted(state), "1", ""
        same = self.alike(least, met)
        for word, pointer in zip(least, pointers, strict=True):
            self.line(f"store i64 {word}, ptr {pointer}")
        size = self.op(f"udiv i64 {self.plan.order}, {same}")
        self.line(f"ret i64 {size}")
        return tables + "\n".join([*self.lines, "}\n"])

    def sorted(self, state: list[str]) -> list[str]:
        """Sort the blocks of all factors that are sorted."""
        for factor in self.plan.sorted:
            for end in range(len(factor.blocks) - 1, 0, -1):
                for exchange in factor.exchanges[:end]:
                    other = exchanged(self, self.layout, exchange, state)
                    less, _ = self.compared(other, state)
                    state = self.chosen(less, other, state)
        return state

    def chosen(self, test: str, then: Sequence[str], other: Sequence[str]) -> list[str]:
        return [
            a if a == b else self.op(f"select i1 {test}, i64 {a}, i64 {b}")
            for a, b in zip(then, other, strict=True)
        ]

    def compared(self, one: Sequence[str], other: Sequence[str]) -> tuple[str, str]:
        """Return whether one state is less than another, and whether they are equal."""
        less, equal = "", ""
        for a, b in zip(reversed(one), reversed(other), strict=True):
            if a == b:
                continue
            here, same = self.op(f"icmp ult i64 {a}, {b}"), self.op(f"icmp eq i64 {a}, {b}")
            if not less:
                less, equal = here, same
                continue
            less = self.op(f"select i1 {same}, i1 {less}, i1 {here}")
            equal = self.op(f"and i1 {equal}, {same}")
        return less or "false", equal or "true"

    def tried(self, state: list[str]) -> tuple[list[str], str, str]:
        """Go through all orders; return the least state, how often it was met, and a table."""
        steps = walk(self.plan.tried)
        kinds = list({id(step): step for step in steps}.values())
        numbers = ", ".join(f"i8 {kinds.index(step)}" for step in steps)
        table = f"@steps = private constant [{len(steps)} x i8] [{numbers}]\n"
        words = self.words
        self.line("br label %try")
        self.lines.append("try:")
        top = len(self.lines)
        now, best = [f"%now{w}" for w in words], [f"%best{w}" for w in words]
        here = self.sorted(now)
        less, equal = self.compared(here, best)
        least = self.chosen(less, here, best)
        again = self.op(f"zext i1 {equal} to i64")
        more = self.op(f"add i64 %met, {again}")
        met = self.op(f"select i1 {less}, i64 1, i64 {more}")
        last = self.op(f"icmp eq i64 %step, {len(steps)}")
        self.line(f"br i1 {last}, label %done, label %go")
        self.lines.append("go:")
        pointer = self.op("getelementptr i8, ptr @steps, i64 %step")
        kind = self.op(f"load i8, ptr {pointer}")
        cases = " ".join(f"i8 {n}, label %go{n}" for n in range(1, len(kinds)))
        self.line(f"switch i8 {kind}, label %go0 [{cases}]")
        ways: list[list[str]] = []
        for number, action in enumerate(kinds):
            self.lines.append(f"go{number}:")
            ways.append(exchanged(self, self.layout, action, now))
            self.line("br label %next")
        self.lines.append("next:")
        arms = [", ".join(f"[ {way[w]}, %go{n} ]" for n, way in enumerate(ways)) for w in words]
        after = [self.op(f"phi i64 {arm}") for arm in arms]
        following = self.op("add i64 %step, 1")
        self.line("br label %try")
        head = [f"%step = phi i64 [ 0, %entry ], [ {following}, %next ]"]
        head.append(f"%met = phi i64 [ 0, %entry ], [ {met}, %next ]")
        for w in words:
            head.append(f"{now[w]} = phi i64 [ {state[w]}, %entry ], [ {after[w]}, %next ]")
            head.append(f"{best[w]} = phi i64 [ -1, %entry ], [ {least[w]}, %next ]")
        self.lines[top:top] = ["  " + one for one in head]
        self.lines.append("done:")
        return least, met, table

    def alike(self, state: list[str], met: str) -> str:
        """Return how many permutations leave the least state as it is."""
        for factor in self.plan.sorted:
            run = "1"
            for exchange in factor.exchanges:
                other = exchanged(self, self.layout, exchange, state)
                _, equal = self.compared(other, state)
                longer = self.op(f"add i64 {run}, 1")
                run = self.op(f"select i1 {equal}, i64 {longer}, i64 1")
                met = self.op(f"mul i64 {met}, {run}")
        return met
