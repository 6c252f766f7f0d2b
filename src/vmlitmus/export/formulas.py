"""What one instance does, as formulas over the variables: from blocks to a guard and assignments.

Comes in: the ``Code`` of an instance or of a condition, whose jumps lead only forward. Goes out: a
``Rule`` (when it is enabled, and for each ending what it assigns), or the truth of the condition.
Model checkers with guarded commands know no jumps, so each block's jump becomes a condition.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import TypeAlias

from vmlitmus.compiler.ir.nodes import (
    DISABLED,
    FAULTY,
    Block,
    Branch,
    Code,
    Emit,
    Op,
    Operand,
    Value,
)


@dataclass(frozen=True)
class Term:
    """A formula: "number" and "variable" hold an int, the others are made of terms.

    A truth value has ``truth`` set. "and", "or" and "not" are of truth values, "bits and" and
    "bits or" of masks; "choose" takes the second where the first is true, else the third.
    """

    op: str
    parts: tuple[Term | int, ...]
    truth: bool

    @cached_property
    def _hash(self) -> int:
        return hash((self.op, self.parts, self.truth))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """What it is made of."""
        return tuple(part for part in self.parts if isinstance(part, Term))

    @cached_property
    def size(self) -> int:
        """How many terms are written when it is written out."""
        return 1 + sum(term.size for term in self.terms)

    @cached_property
    def reads(self) -> frozenset[int]:
        """The variables in it."""
        if self.op == "variable":
            return frozenset(part for part in self.parts if isinstance(part, int))
        return frozenset().union(*(term.reads for term in self.terms))

    @property
    def number(self) -> int | None:
        """The number or the truth value that it is; None where that depends on the state."""
        [part] = self.parts if self.op == "number" else [None]
        return part if isinstance(part, int) else None


TRUE = Term("number", (1,), True)
FALSE = Term("number", (0,), True)


def both(terms: Iterable[Term]) -> Term:
    """Return the conjunction of some truth values, without repetition."""
    found: dict[Term, None] = {}
    for term in terms:
        found.update(dict.fromkeys(_conjuncts(term)))
    if FALSE in found or any(opposite(term) in found for term in found):
        return FALSE
    if len(found) < 2:
        return next(iter(found), TRUE)
    return Term("and", tuple(found), True)


def either(left: Term, right: Term) -> Term:
    """Return the disjunction of two truth values; what both have in common is written once."""
    ours, theirs = _conjuncts(left), _conjuncts(right)
    shared = [term for term in ours if term in theirs]
    a = both(term for term in ours if term not in shared)
    b = both(term for term in theirs if term not in shared)
    b = both(term for term in _conjuncts(b) if term != opposite(a))
    a = both(term for term in _conjuncts(a) if term != opposite(b))
    return both([*shared, _disjunction(a, b)])


def _disjunction(a: Term, b: Term) -> Term:
    found = dict.fromkeys(
        term for side in (a, b) for term in (side.terms if side.op == "or" else (side,))
    )
    found.pop(FALSE, None)
    if TRUE in found or any(opposite(term) in found for term in found):
        return TRUE
    if len(found) < 2:
        return next(iter(found), FALSE)
    return Term("or", tuple(found), True)


def _conjuncts(term: Term) -> tuple[Term, ...]:
    if term.op == "and":
        return term.terms
    return () if term == TRUE else (term,)


_TURNED = {"=": "!=", "!=": "="}


def opposite(term: Term) -> Term:
    """Return the negation of a truth value."""
    if term.number is not None:
        return FALSE if term.number else TRUE
    if term.op == "not":
        return term.terms[0]
    if term.op in _TURNED:
        return Term(_TURNED[term.op], term.parts, True)
    return Term("not", (term,), True)


def choose(test: Term, then: Term, other: Term) -> Term:
    """Return what is one of two, by a truth value."""
    if then == other or test == TRUE:
        return then
    if test == FALSE:
        return other
    if then.truth:
        return either(both([test, then]), both([opposite(test), other]))
    return Term("choose", (test, then, other), False)


def under(term: Term, facts: frozenset[Term]) -> Term:
    """Return a term without the questions that some facts answer."""
    if term.truth:
        return _truth_under(term, facts)
    if term.op == "choose":
        test, then, other = term.terms
        test = _truth_under(test, facts)
        if test == TRUE:
            return under(then, facts)
        if test == FALSE:
            return under(other, facts)
        return choose(
            test,
            under(then, facts.union(_conjuncts(test))),
            under(other, facts.union(_conjuncts(opposite(test)))),
        )
    parts = tuple(under(p, facts) if isinstance(p, Term) else p for p in term.parts)
    return Term(term.op, parts, term.truth)


def _truth_under(term: Term, facts: frozenset[Term]) -> Term:
    if term in facts:
        return TRUE
    if opposite(term) in facts:
        return FALSE
    if term.op in _TURNED and _excluded(term, facts):
        return FALSE if term.op == "=" else TRUE
    if term.op == "and":
        return both(_truth_under(part, facts) for part in term.terms)
    if term.op == "or":
        return reduce(either, (_truth_under(part, facts) for part in term.terms))
    if term.op == "not":
        return opposite(_truth_under(term.terms[0], facts))
    return term


def _excluded(comparison: Term, facts: frozenset[Term]) -> bool:
    """Say whether what is compared with a number is known to be another one."""
    found, asked = comparison.terms
    known = (fact.terms[1].number for fact in facts if fact.op == "=" and fact.parts[0] == found)
    return asked.number is not None and any(n not in (None, asked.number) for n in known)


@dataclass(frozen=True)
class Ending:
    """What an instance assigns, all at once, where it is enabled and ``where`` is true."""

    number: int
    where: Term
    writes: dict[int, Term] = field(hash=False)


@dataclass(frozen=True)
class Rule:
    """An instance: when it is enabled, how it may end, and where it is a mistake of the model."""

    guard: Term
    endings: tuple[Ending, ...]
    fault: Term


def rule_of(code: Code, truths: frozenset[int]) -> Rule:
    """Return the rule of an instance; ``truths`` are the variables that are truth values."""
    return _Reader(code, truths).rule()


def truth_of(code: Code, truths: frozenset[int]) -> Term:
    """Return the truth of a condition."""
    return _Reader(code, truths).truth()


def _as_it_is(variable: int, like: Term) -> Term:
    return Term("variable", (variable,), like.truth)


_MEANT = {"eq": "=", "ne": "!=", "slt": "<", "sle": "<=", "lshr": ">>", "shl": "<<"}
_ARITHMETIC = {"add": "+", "sub": "-", "mul": "*", "udiv": "/", "urem": "%", "ctpop": "count"}
_OF_BITS = {"and": "bits and", "or": "bits or", "xor": "bits xor"}
Edge: TypeAlias = tuple[int, int]


class _Reader:
    """Reads the blocks in order; each knows its dominator, the last block no way can avoid."""

    def __init__(self, code: Code, truths: frozenset[int]) -> None:
        self.blocks = {block.number: block for block in code.blocks}
        self.truths = truths
        self.values: dict[str, Term] = {}
        self.above: dict[int, int] = {}  # of each block: its dominator
        self.before: dict[int, list[int]] = {code.blocks[0].number: []}
        self.where: dict[int, Term] = {code.blocks[0].number: TRUE}
        self.fault = FALSE
        for block in code.blocks:
            if block.number in self.before:
                self.block(block)

    def rule(self) -> Rule:
        ends = {
            n: b.end for n, b in self.blocks.items() if isinstance(b.end, Emit) and n in self.where
        }
        guard = reduce(either, (self.where[number] for number in ends), self.fault)
        known = frozenset(_conjuncts(guard))
        endings = []
        for number, end in ends.items():
            facts = frozenset(_conjuncts(self.where[number])) | known
            where = under(self.where[number], known)
            written = (
                (variable, under(self.term(operand, variable in self.truths), facts))
                for variable, operand in sorted(end.writes.items())
            )
            changed = {variable: t for variable, t in written if t != _as_it_is(variable, t)}
            if where != FALSE:
                endings.append(Ending(end.ending, where, changed))
        return Rule(guard, tuple(endings), under(self.fault, known))

    def truth(self) -> Term:
        """Return the value of the condition, which is false where it cannot be computed."""
        found = FALSE
        for number, block in self.blocks.items():
            if isinstance(block.end, Value) and number in self.where:
                found = either(
                    found, both([self.where[number], self.term(block.end.operand, True)])
                )
        return found

    def block(self, block: Block) -> None:
        number = block.number
        if self.before[number]:
            above = self.before[number][0]
            for other in self.before[number][1:]:
                above = self.common(above, other)
            self.above[number] = above
            reached = self.ways(above, number)
            way = reduce(either, reached.values(), FALSE)
            self.where[number] = both([self.where[above], way])
        else:
            reached = {}
        for op in block.ops:
            self.values[op.dest] = self.phi(op, reached) if op.op == "phi" else self.computed(op)
        if isinstance(block.end, Branch):
            for target in dict.fromkeys((block.end.then, block.end.other)):
                if target == FAULTY:
                    there = both([self.where[number], self.edge(block, target)])
                    self.fault = either(self.fault, there)
                elif target != DISABLED:
                    self.before.setdefault(target, []).append(number)

    def common(self, a: int, b: int) -> int:
        while a != b:
            if a > b:
                a = self.above[a]
            else:
                b = self.above[b]
        return a

    def ways(self, above: int, target: int) -> dict[int, Term]:
        """Return when control comes to a block, from each block before it, given it was above."""
        where = {above: TRUE}
        for number in sorted(n for n in self.before if above <= n < target):
            block = self.blocks[number]
            if number not in where or not isinstance(block.end, Branch):
                continue
            for following in dict.fromkeys((block.end.then, block.end.other)):
                if following < 0 or following >= target:
                    continue
                way = both([where[number], self.edge(block, following)])
                where[following] = either(where.get(following, FALSE), way)
        return {
            number: both([where[number], self.edge(self.blocks[number], target)])
            for number in self.before[target]
        }

    def edge(self, block: Block, target: int) -> Term:
        end = block.end
        assert isinstance(end, Branch)
        if end.then == end.other:
            return TRUE
        test = self.term(end.condition, True)
        return test if end.then == target else opposite(test)

    def term(self, operand: Operand, truth: bool) -> Term:
        if isinstance(operand, int):
            return Term("number", (operand,), truth)
        return self.values[operand]

    def phi(self, op: Op, reached: dict[int, Term]) -> Term:
        truth = op.bits == "i1"
        arms = [(reached[n], self.term(v, truth)) for v, n in op.args if n in reached]
        found = arms[-1][1]
        for way, value in reversed(arms[:-1]):
            found = choose(way, value, found)
        return found

    def computed(self, op: Op) -> Term:
        truth = op.bits == "i1"
        if op.op == "load":
            return self.load(op.args[0], truth)
        if op.op == "select":
            test, then, other = op.args
            return choose(self.term(test, True), self.term(then, truth), self.term(other, truth))
        args = tuple(self.term(arg, truth) for arg in op.args)
        if op.op == "bit0":
            return _lowest(args[0])
        name = op.op.partition(" ")[0]
        if name in ("sext", "zext", "trunc"):
            return as_number(args[0])
        if truth:
            return _logic(op.op, *args)
        if name in _MEANT and name not in ("lshr", "shl"):
            return Term(_MEANT[name], args, True)
        meant = {**_MEANT, **_ARITHMETIC, **_OF_BITS}[name]
        return Term(meant, args, False)

    def load(self, variable: int, truth: bool) -> Term:
        loaded = Term("variable", (variable,), variable in self.truths)
        if truth and not loaded.truth:
            return Term("!=", (loaded, Term("number", (0,), False)), True)
        return loaded if truth else as_number(loaded)


def as_number(term: Term) -> Term:
    """Return a truth value as 0 or 1; a number as it is."""
    if not term.truth:
        return term
    return choose(term, Term("number", (1,), False), Term("number", (0,), False))


def _logic(op: str, a: Term, b: Term) -> Term:
    if op == "and":
        return both([a, b])
    if op == "or":
        return either(a, b)
    if op in ("xor", "ne"):
        for one, other in ((a, b), (b, a)):
            if other.number is not None:
                return opposite(one) if other.number else one
        return Term("!=", (a, b), True)
    assert op == "eq", op
    return opposite(_logic("ne", a, b))


def _lowest(term: Term) -> Term:
    """Return whether the lowest bit of a number is set."""
    if term.op == ">>":
        mask, by = term.terms
        if by.number is not None:
            bit = Term("number", (1 << by.number,), False)
            return Term("!=", (Term("bits and", (mask, bit), False), _ZERO), True)
    one = Term("number", (1,), False)
    return Term("!=", (Term("bits and", (term, one), False), _ZERO), True)


_ZERO = Term("number", (0,), False)
