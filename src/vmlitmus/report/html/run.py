"""What the page's script reads of an outcome: lanes, steps, states, and the facts as sentences.

Texts that many runs share, such as citations and code, are kept once for the whole page.
"""

from __future__ import annotations

import shlex
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

from vmlitmus.outcome import Excerpt, Outcome, Result, TraceStep
from vmlitmus.report.cause import answer, cause, headline, saw_everything, searched
from vmlitmus.report.explain import asked, ending, expected_because, limited_to
from vmlitmus.report.timeline import column


class Shared:
    """Values that are kept once: each is given its position in ``values``."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self.known: dict[Hashable, int] = {}

    def add(self, key: Hashable, value: Any = None) -> int:
        """Return the position of a value; ``key`` tells it from others, and is it by default."""
        if key not in self.known:
            self.known[key] = len(self.values)
            self.values.append(key if value is None else value)
        return self.known[key]


class Runs:
    """The outcomes of one page as data, in order, with what they share."""

    def __init__(self) -> None:
        self.texts = Shared()
        self.code = Shared()
        self.mechanisms = Shared()
        self.steps = Shared()
        self.states = Shared()
        self.runs: list[dict[str, Any]] = []

    def add(self, outcome: Outcome) -> int:
        """Take in an outcome; return its position."""
        self.runs.append(self._run(outcome))
        return len(self.runs) - 1

    def data(self) -> dict[str, Any]:
        """Return all that the script reads."""
        return {
            "texts": self.texts.values,
            "code": self.code.values,
            "mechanisms": self.mechanisms.values,
            "steps": self.steps.values,
            "states": self.states.values,
            "runs": self.runs,
        }

    def _run(self, outcome: Outcome) -> dict[str, Any]:
        r = outcome.result
        found: dict[str, Any] = {
            "name": outcome.name,
            "question": self.texts.add(outcome.question),
            "verdict": r.verdict.value if r else "error",
            "asExpected": outcome.as_expected,
            "claim": outcome.claim,
            "note": _note(outcome, r) if r else "",
            "answer": " ".join(answer(outcome)),
            "cause": self.texts.add(cause(outcome, r) if r else str(outcome.error)),
            "facts": self._facts(outcome, r) if r else [],
            "command": f"vmlitmus explain {shlex.join(outcome.arguments)}",
        }
        return found | self._trace(outcome, r) if r and r.trace is not None else found

    def _trace(self, outcome: Outcome, r: Result) -> dict[str, Any]:
        assert r.trace is not None
        lanes = list(dict.fromkeys(column(step) for step in r.trace)) or ["host"]
        code = {name: [self._excerpt(e) for e in parts] for name, parts in r.code.items()}
        return {
            "start": outcome.start,
            "lanes": lanes,
            "steps": [self._step(step, lanes, code) for step in r.trace],
            "initial": self._state(r.initial),
            "fixed": self._state(r.fixed),
            "loop": r.loop_start,
            "asked": asked(outcome, r),
            "ending": ending(outcome),
        }

    def _step(
        self, step: TraceStep, lanes: Sequence[str], code: Mapping[str, Sequence[int]]
    ) -> list[Any]:
        """Return the position of what a step shares with others, its lane, and its causes."""
        found: dict[str, Any] = {
            "step": f"{step.step}({','.join(step.binding)})",
            "label": step.label,
            "mechanism": self.mechanisms.add(step.mechanism or step.step.split(".")[0]),
            "changes": [[name, *pair] for name, pair in step.changes.items()],
            "moves": [[name, *pair] for name, pair in step.moves.items()],
            "sources": [self.texts.add(text) for text in step.source.split("; ")],
            "assumptions": [self.texts.add(text) for text in step.assumptions],
            "code": code.get(step.step, []),
        }
        shared = {key: value for key, value in found.items() if value not in ([], "")}
        causes = [[c.step, int(c.needed), list(c.fields)] for c in step.causes]
        entry = [self.steps.add(repr(shared), shared), lanes.index(column(step))]
        return [*entry, causes] if causes else entry

    def _excerpt(self, part: Excerpt) -> int:
        lines = self.texts.add("\n".join(part.lines))
        value = {"file": part.file, "first": part.first, "lines": lines, "marked": part.marked}
        return self.code.add((part.file, part.first, part.marked), value)

    def _state(self, state: Mapping[str, str]) -> int:
        """Return the position of a state: the positions of its lines, "field=value"."""
        lines = [self.texts.add(f"{name}={value}") for name, value in state.items()]
        return self.states.add(tuple(lines), lines)

    def _facts(self, outcome: Outcome, r: Result) -> list[list[Any]]:
        """Return titles with their sentences, as positions among the shared texts."""
        never = dict.fromkeys(r.never_fired.values()) if saw_everything(outcome, r) else ()
        sources = dict.fromkeys(s for step in r.trace or () for s in step.source.split("; "))
        told = expected_because(outcome)
        cited = [f"Asked in: {outcome.citation}"] if outcome.citation else []
        facts: list[tuple[str, Sequence[str]]] = [
            ("Not to be believed", [f"Warning: {w}." for w in r.warnings]),
            ("Within what", [*limited_to(outcome.bounds), searched(outcome, r)]),
            ("Not vacuous; the search also reached", r.backing),
            ("Conditions", [f"{n}: {'reached' if t else 'never'}" for n, t in r.observed.items()]),
            ("Switched off", outcome.off),
            ("Assumptions in force", outcome.assumptions),
            ("Steps that never happened", list(never)),
            ("Where it comes from", [*([told] if told else []), *cited]),
            ("Sources of the steps", list(sources)),
        ]
        return [[title, [self.texts.add(s) for s in texts]] for title, texts in facts if texts]


def _note(outcome: Outcome, r: Result) -> str:
    """Return what the head line says besides claim and verdict, such as "(as expected)"."""
    return headline(outcome, r).removeprefix(f"{outcome.claim}: {r.verdict.value.upper()}").strip()
