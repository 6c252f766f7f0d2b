"""What the printers of all target languages share: terms as text, assignments in an order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vmlitmus.export.formulas import Term
from vmlitmus.export.guarded import System
from vmlitmus.printable import ascii_only

_OF_MASKS = {"bits and": "&", "bits or": "|", "bits xor": "^"}


@dataclass(frozen=True)
class Syntax:
    """How a language writes what languages write differently; ``choose`` has three gaps."""

    operators: Mapping[str, str]
    choose: str
    truths: tuple[str, str] = ("false", "true")

    def sign(self, op: str) -> str:
        """Return an operator as the language writes it."""
        return self.operators.get(op) or _OF_MASKS.get(op, op)


class Printer:
    """Writes terms. A number beside a variable is written with the variable's own word for it."""

    def __init__(self, system: System, syntax: Syntax) -> None:
        self.system = system
        self.syntax = syntax
        self.old: dict[int, str] = {}  # what holds the old value of a variable assigned before

    def name(self, variable: int) -> str:
        return self.old.get(variable, self.system.names[variable])

    def term(self, term: Term, codes: tuple[str, ...] = ()) -> str:
        """Return a term as text; ``codes`` are the words for its numbers."""
        number = term.number
        if number is not None:
            if term.truth:
                return self.syntax.truths[number]
            return codes[number] if number < len(codes) else str(number)
        if term.op == "variable":
            return self.name(_variable(term))
        if term.op == "choose":
            test, then, other = term.terms
            return self.syntax.choose.format(
                self.term(test), self.term(then, codes), self.term(other, codes)
            )
        if term.op == "count":
            return self.count(term.terms[0])
        if term.op == "not":
            return f"!{self.inner(term.terms[0])}"
        sign = self.syntax.sign(term.op)
        words = self.words(term.terms) if term.op in ("=", "!=") else ()
        return f" {sign} ".join(self.inner(part, words) for part in term.terms)

    def inner(self, term: Term, codes: tuple[str, ...] = ()) -> str:
        """Return a term as text that can stand beside an operator."""
        text = self.term(term, codes)
        plain = term.number is not None or term.op in ("variable", "not", "choose", "count")
        return text if plain else f"({text})"

    def count(self, mask: Term) -> str:
        """Return the number of bits of a mask that are set."""
        width = max((self.system.variables[v].bits for v in mask.reads), default=1)
        bits = [f"(({self.inner(mask)} >> {bit}) & 1)" for bit in range(width)]
        return f"({' + '.join(bits)})"

    def words(self, terms: tuple[Term, ...]) -> tuple[str, ...]:
        """Return the words for the numbers in a comparison: those of its variable."""
        for term in terms:
            if term.op == "variable":
                return self.system.codes[_variable(term)]
            if term.op == "choose":
                found = self.words(term.terms[1:])
                if found:
                    return found
        return ()


def _variable(term: Term) -> int:
    [variable] = term.parts
    assert isinstance(variable, int)
    return variable


def in_order(writes: Mapping[int, Term]) -> tuple[list[int], list[int]]:
    """Return the variables to assign, in an order, and those whose old value has to be kept.

    All are assigned at once. So one comes after all that read it; where there is a circle, its old
    value is kept under another name.
    """
    left = dict(writes)
    order: list[int] = []
    kept: list[int] = []
    while left:
        free = [v for v in left if not any(v in left[other].reads for other in left if other != v)]
        if not free:
            free = [next(iter(left))]
            kept += free
        for variable in free:
            order.append(variable)
            del left[variable]
    return order, kept


def commented(text: str) -> str:
    """Return text that ends no comment and no string, whatever it holds."""
    plain = ascii_only(text)
    return plain.replace("*/", "* /").replace("/*", "/ *").replace('"', "'").replace("\\", "/")
