"""Random expressions and effects of model code."""

from __future__ import annotations

from collections.abc import Callable

Names = dict[str, list[str]]  # kind of value -> the names that hold one


class Expressions:
    """Writes expressions over the entities of ``random_models``; ``names`` are those in scope."""

    cells = actors = 1
    low, high = 0, 2

    def __init__(self, choose: Callable[[int], int]) -> None:
        self.choose = choose
        self.count = 0

    def chance(self, n: int) -> bool:
        """Return True once in n times."""
        return self.choose(n) == n - 1

    def one_of(self, *texts: str) -> str:
        return texts[self.choose(len(texts))]

    def number(self) -> int:
        self.count += 1
        return self.count

    def clause(self) -> str:
        return f"does {self.number()}"

    def value(self, kind: str, names: Names, depth: int) -> str:
        """Return an expression of a kind: bool, int, Colour, Cell, Cell? or cells."""
        if kind == "bool":
            return self.truth(names, depth)
        if kind == "int":
            return self.integer(names, depth)
        if kind == "Colour":
            return self.colour(names, depth)
        if kind == "Cell?":
            return self.maybe(names, depth)
        return self.cell(names, depth) if kind == "Cell" else self.set_of_cells(names, depth)

    def actor(self, names: Names) -> str:
        return self.one_of(*names.get("Actor", ()), f"w.all(Actor)[{self.actors - 1}]")

    def cell(self, names: Names, depth: int) -> str:
        options = [*names.get("Cell", ()), f"w.all(Cell)[{self.choose(self.cells)}]"]
        options += [f"{self.actor(names)}.at", f"{self.actor(names)}.home"]
        if depth:
            options += [f"pick(w, {self.actor(names)})"]
            options += [f"({options[0]} if {self.truth(names, 0)} else {options[-2]})"]
        return self.one_of(*options)

    def maybe(self, names: Names, depth: int) -> str:
        """Return a cell or None."""
        options = [f"{self.cell(names, 0)}.next", *names.get("Cell?", ()), "None"]
        options += [f"{self.actor(names)}.cell"]
        if depth:
            options += ["first(w)", f"({self.cell(names, 0)} if {self.truth(names, 0)} else None)"]
        return self.one_of(*options)

    def colour(self, names: Names, depth: int) -> str:
        options = ["Colour.GREEN", *names.get("Colour", ()), f"{self.cell(names, 0)}.colour"]
        if depth:
            options += [f"(Colour.RED if {self.truth(names, 0)} else {self.colour(names, 0)})"]
        return self.one_of(*options)

    def set_of_cells(self, names: Names, depth: int) -> str:
        options = [f"{self.actor(names)}.seen", *names.get("cells", ())]
        if depth:
            x = self.bound(names)
            inner = {**names, "Cell": [x]}
            options += [
                f"({options[0]} {self.one_of('|', '&', '-')} {{{self.cell(names, 0)}}})",
                f"{{{x} for {x} in w.all(Cell) if {self.truth(inner, 0)}}}",
                f"({options[-1]} {self.one_of('|', '&', '-')} {options[0]})",
            ]
        return self.one_of(*options)

    def bound(self, names: Names) -> str:
        """Return a name for a comprehension; sometimes one that is a local, too."""
        locals_ = [n for known in names.values() for n in known if n[0] in "vx"]
        if locals_ and self.chance(6):
            return self.one_of(*locals_)
        return f"y{self.number()}"

    def group(self, names: Names) -> tuple[str, str]:
        """Return what a loop goes over: the kind of its members, and the text."""
        kind = self.choose(7)
        if kind < 3:
            return "Cell", "w.all(Cell)"
        if kind < 5:
            return "Cell", self.set_of_cells(names, kind - 3)
        if kind == 5:
            return "Actor", self.one_of("w.all(Actor)", f"{self.cell(names, 0)}.friends")
        return "Colour", self.one_of("Colour", f"{self.cell(names, 0)}.shades")

    def integer(self, names: Names, depth: int) -> str:
        options = [f"{self.cell(names, 0)}.count", *names.get("int", ()), "1"]
        options += [f"{self.actor(names)}.level", "w.the(Host).total", "w.use(Policy).STEP"]
        if depth:
            a, b = self.integer(names, depth - 1), self.integer(names, 0)
            group = self.set_of_cells(names, 0)
            x = self.bound(names)
            inner = {**names, "Cell": [x]}
            options += [
                f"({a} {self.one_of('+', '-', '*')} {b})",
                f"{self.one_of('min', 'max')}({a}, {b})",
                f"(len({group}) {self.one_of('%', '//')} 2)",
                f"len({group})",
                f"sum({self.integer(inner, 0)} for {x} in {group} if {self.truth(inner, 0)})",
                f"({a} if {self.truth(names, 0)} else {b})",
            ]
        return self.one_of(*options)

    def truth(self, names: Names, depth: int) -> str:
        """Return a condition."""
        kind = self.choose(4 + 2 * depth)
        if kind == 0:
            return self.simple(names)
        if kind == 1:
            return self.compared(names)
        if kind == 2:
            return self.about_sets(names)
        if kind == 3:
            return self.settled(names)
        if kind in (4, 6):
            a, b = self.truth(names, depth - 1), self.truth(names, depth - 1)
            return self.one_of(f"({a} and {b})", f"({a} or {b})", f"(not {a} or {b})")
        return self.quantified(names, depth)

    def simple(self, names: Names) -> str:
        cell, actor = self.cell(names, 0), self.actor(names)
        return self.one_of(
            f"{cell}.flag",
            *names.get("bool", ()),
            f"not {actor}.flag",
            f"{cell}.lit",
            f"{cell}.colour.warm",
            f"{self.maybe(names, 0)} is None",
            f"{cell} is {actor}.at",
            "not w.the(Host).open",
            f"{actor}.idle",
        )

    def compared(self, names: Names) -> str:
        one, other = self.integer(names, 0), self.integer(names, 1)
        return self.one_of(
            f"{one} {self.one_of('<', '<=', '==', '!=', '>', '>=')} {other}",
            f"0 <= {one} < {self.one_of('1', '2')}",
            f"{self.colour(names, 0)} {self.one_of('==', 'is', 'is not', '!=')} Colour.RED",
            f"{self.colour(names, 1)} in (Colour.RED, Colour.BLUE)",
        )

    def about_sets(self, names: Names) -> str:
        cell, actor = self.cell(names, 0), self.actor(names)
        one, other = self.set_of_cells(names, 0), self.set_of_cells(names, 1)
        return self.one_of(
            f"{actor} {self.one_of('in', 'not in')} {cell}.friends",
            f"{cell} {self.one_of('in', 'not in')} {one}",
            f"{self.colour(names, 0)} in {cell}.shades",
            f"len({one}) {self.one_of('<', '==', '>=')} {self.one_of('1', '2')}",
            f"{one} {self.one_of('==', '!=')} {other}",
            f"bool({one})",
        )

    def settled(self, names: Names) -> str:
        """Conditions that the scenario settles, and those on what may be None."""
        maybe = self.maybe(names, 0)
        return self.one_of(
            "w.assume(FLIP)",
            "w.assume(MODE) == " + self.one_of('"left"', '"right"'),
            f'w.part("part {self.choose(2)}")',
            f"{self.cell(names, 0)}.fixed",
            *([f"({maybe} is not None and {maybe}.flag)"] if "(" not in maybe else ()),
            *([f"({maybe} is None or {maybe}.count < 1)"] if "(" not in maybe else ()),
        )

    def quantified(self, names: Names, depth: int) -> str:
        kind, group = self.group(names)
        x = self.bound(names)
        inner = {**names, kind: [x]}
        test = self.truth(inner, depth - 1)
        some = f" if {self.truth(inner, 0)}" if self.chance(2) else ""
        every = self.one_of("any", "all")
        if self.chance(6):
            x2 = f"y{self.number()}"
            inner = {**inner, "Actor": [x2]}
            test = self.truth(inner, 0)
            return f"{every}({test} for {x} in {group}{some} for {x2} in w.all(Actor))"
        if self.chance(3):
            return f"sum(1 for {x} in {group} if {test}) {self.one_of('>=', '==', '<')} 1"
        return f"{every}({test} for {x} in {group}{some})"

    def effects(self, names: Names, indent: int, count: int) -> list[str]:
        pad = " " * indent
        return [pad + line for _ in range(count) for line in self.effect(names)]

    def effect(self, names: Names) -> list[str]:
        kind = self.choose(6)
        if kind == 0:
            return [self.assignment(names)]
        if kind == 1:
            return [self.assignment(names)]
        if kind == 2:
            return [self.mutation(names)]
        if kind == 3:
            return self.counting(names)
        if kind == 4:
            return self.guarded(names)
        return self.loop(names)

    def assignment(self, names: Names) -> str:
        cell, actor = self.cell(names, 0), self.actor(names)
        return self.one_of(
            f"{cell}.flag = not {cell}.flag",
            f"{actor}.flag = {self.truth(names, 1)}",
            f"{cell}.colour = {self.colour(names, 1)}",
            f"{cell}.next = {self.maybe(names, 1)}",
            f"{actor}.cell = {self.maybe(names, 1)}",
            f"{actor}.at = {self.cell(names, 1)}",
            f"{actor}.seen = {self.set_of_cells(names, 1)}",
            f"{actor}.seen {self.one_of('|=', '-=', '&=')} {self.set_of_cells(names, 1)}",
            f"{cell}.flag = {self.truth(names, 2)}",
            f"w.the(Host).open = {self.truth(names, 1)}",
        )

    def mutation(self, names: Names) -> str:
        cell, actor = self.cell(names, 0), self.actor(names)
        options = [
            f"{actor}.seen.add({cell})",
            f"{actor}.seen.discard({cell})",
            f"{cell}.friends.add({actor})",
            f"{cell}.friends.discard({actor})",
            f"{cell}.shades.add({self.colour(names, 0)})",
            f"{cell}.shades.clear()",
        ]
        if self.chance(8):
            options = [f"{actor}.seen.remove({cell})"]  # a model error when it is not there
        return self.one_of(*options)

    def counting(self, names: Names) -> list[str]:
        cell, actor = self.cell(names, 0), self.actor(names)
        number = self.integer(names, 1)
        if self.chance(20):
            return [f"{cell}.count += 1"]  # a model error at the upper bound
        kind = self.choose(4)
        if kind == 0:
            return [f"bump({cell})"]
        if kind == 1:
            return [f"{cell}.count = min(max({number}, {self.low}), {self.high})"]
        if kind == 2:
            return [f"if {actor}.level < 2:", f"    {actor}.level += 1"]
        return [f"w.the(Host).total = min(max({number}, 0), 3)"]

    def guarded(self, names: Names) -> list[str]:
        maybe = f"{self.actor(names)}.cell"
        if self.chance(20):
            return [f"{maybe}.flag = True"]  # a model error when it is None
        lines = [f"if {maybe} is not None:", f"    {maybe}.flag = {self.truth(names, 0)}"]
        if self.chance(2):
            lines += ["else:", "    " + self.assignment(names)]
        return lines

    def loop(self, names: Names) -> list[str]:
        kind, group = self.group(names)
        name = f"z{self.number()}"
        inner = {**names, kind: [*names.get(kind, ()), name]}
        jump = self.one_of("pass", "continue", "break")
        return [
            f"for {name} in {group}:",
            f"    if {self.truth(inner, 1)}:",
            "        " + self.assignment(inner),
            f"        {jump}",
            "    " + self.mutation(inner),
        ]
