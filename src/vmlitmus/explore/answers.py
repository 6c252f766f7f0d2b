"""What the page asks, and the answers, as plain data; knows nothing of the web."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from vmlitmus import __version__
from vmlitmus.decide import Job, assumed, bounds_of, decide
from vmlitmus.decide.own_code import apart
from vmlitmus.engine import run
from vmlitmus.errors import UsageError
from vmlitmus.explore.scene import Scene, Walk, digest, name_of
from vmlitmus.explore.scenes import Scenes
from vmlitmus.explore.searches import Work
from vmlitmus.lang import possible
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import selector
from vmlitmus.outcome import Outcome
from vmlitmus.report.by_hand import by_hand
from vmlitmus.report.html.run import Runs
from vmlitmus.scenario import Cell, Test


@dataclass(frozen=True)
class StateRequest:
    """A scenario, a run in it, and what is asked about the state after its first ``at`` steps."""

    changes: Mapping[str, Any]
    steps: tuple[str, ...]
    at: int
    digests: tuple[str, ...] = ()

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> StateRequest:
        """Return what a request asks; raises UsageError for anything but the expected types."""
        changes, steps = body.get("changes", {}), body.get("steps", [])
        digests = body.get("digests", [])
        lists = isinstance(steps, list) and isinstance(digests, list)
        if not isinstance(changes, dict) or not lists:
            raise UsageError("changes is a table, steps and digests are lists")
        if not all(isinstance(text, str) for text in (*steps, *digests)):
            raise UsageError("steps and digests are texts")
        at = body.get("at", len(steps))
        if not isinstance(at, int) or isinstance(at, bool):
            raise UsageError(f"at = {at!r}: not a number")
        return cls(changes, tuple(steps), max(0, min(at, len(steps))), tuple(digests))


class Answers:
    """Answers for one cell of a test."""

    def __init__(self, catalogue: Catalogue, test: Test, cell: Cell, job: Job) -> None:
        self.scenes = Scenes(catalogue, test, cell)
        self.job = job
        self.lock = threading.Lock()  # machines are stepped by one request at a time

    def open(self, asked: StateRequest) -> dict[str, Any]:
        """Return what can be changed in the scenario, and what it asks."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            return {
                "version": __version__,
                "name": self.scenes.cell.name,
                "topic": scene.test.topic,
                "question": scene.test.question,
                "claim": str(scene.cell.claim),
                "start": scene.cell.start(scene.model),
                "options": self.scenes.options(scene),
                "conditions": {c.name: c.text for c in scene.model.conditions},
                "mechanisms": scene.mechanisms,
            }

    def walk(self, asked: StateRequest) -> dict[str, Any]:
        """Return the run as the page draws it, and what can happen and is true in its state."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            walk = scene.walk(asked.steps, asked.digests)
            return {
                "page": _page(self._outcome(scene, walk), scene),
                "steps": [name_of(step) for step in walk.steps],
                "digests": [digest(step.label) for step in walk.steps],
                "stuck": walk.stuck,
                **_here(scene, walk, asked.at),
            }

    def here(self, asked: StateRequest) -> dict[str, Any]:
        """Return what can happen and is true at a place of a run that the page has already."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            return _here(scene, scene.walk(asked.steps), asked.at)

    def ahead(self, asked: StateRequest, kind: str) -> dict[str, Any]:
        """Return the steps of a random step, or to the next moment when a condition changes."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            state = scene.walk(asked.steps[: asked.at]).states[-1]
            way = scene.random_step(state) if kind == "random" else scene.interesting(state)
            return {"steps": way}

    def verdict(self, asked: StateRequest) -> Work:
        """Return the work of deciding the scenario's claim."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
        job = replace(self.job, annotate=True, built={})

        def work(watch: Any) -> dict[str, Any]:
            outcome = decide(job, replace(scene.test, shipped=False), scene.cell, watch)
            if outcome.error:
                raise UsageError(outcome.error)
            assert outcome.result is not None
            steps = [name_of(step) for step in outcome.result.trace or ()]
            found = _page(replace(outcome, because="", yes=None), scene)
            return {"page": found, "steps": steps, "loop": outcome.result.loop_start}

        return work

    def reach(self, asked: StateRequest, condition: str) -> Work:
        """Return the work of finding the shortest way from here to a condition."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            scene.model.condition(condition)
            state = scene.walk(asked.steps[: asked.at]).states[-1]
            machine = scene.from_here(state)

        def work(watch: Any) -> dict[str, Any]:
            found = run(
                machine,
                possible(condition),
                engine=self.job.engine,
                limits=self.job.limits,
                progress=watch,
            )
            return {
                "condition": condition,
                "verdict": found.verdict.value,
                "reason": found.reason,
                "states": found.states,
                "steps": [name_of(step) for step in found.trace or ()],
            }

        return work

    def copies(self, asked: StateRequest) -> dict[str, str]:
        """Return the run as a command, as a litmus test, and as a mail."""
        with self.lock:
            scene = self.scenes.scene(asked.changes)
            walk = scene.walk(asked.steps[: asked.at])
            text = self.scenes.text(asked.changes)
            name = "FILE.toml" if asked.changes else selector(self.scenes.test, self.scenes.cell)
            replay = ["vmlitmus", "replay", name, "--steps", " ".join(map(name_of, walk.steps))]
            replay += ["--model", self.job.model] if self.job.model else []
            command = shlex.join(replay)
            mail = by_hand(self._outcome(scene, walk), self._true(scene, walk), command)
            return {"replay": command, "litmus": f"# {command}\n{text}", "mail": mail}

    def _true(self, scene: Scene, walk: Walk) -> list[str]:
        """Return in words what holds at the end of a walk."""
        true = scene.true(walk.states[-1])
        return [f"{c.name}: {c.text}" for c in scene.model.conditions if true[c.name]]

    def _outcome(self, scene: Scene, walk: Walk) -> Outcome:
        """Return a walk as an outcome; nothing is expected of it."""
        claim = scene.cell.claim
        text = scene.model.condition(claim.condition).text
        return Outcome(
            name=self.scenes.cell.name,
            topic=scene.test.topic,
            question=scene.test.question,
            source=scene.test.source,
            because="",
            decided_by=scene.test.decided_by,
            claim=f"possible {claim.condition}",
            claim_text=text,
            expected=scene.cell.expect,
            where={},
            result=replace(scene.result(walk), reason="a run chosen by hand"),
            bounds=bounds_of(scene.machine, claim),
            assumptions=assumed(scene.machine),
            arguments=(selector(self.scenes.test, self.scenes.cell),),
            start=scene.cell.start(scene.model),
        )


def _here(scene: Scene, walk: Walk, wanted: int) -> dict[str, Any]:
    at = min(wanted, len(walk.steps))
    state = walk.states[at]
    return {
        "at": at,
        "enabled": scene.enabled(state),
        "true": scene.true(state),
        "graph": scene.graph(state),
    }


def _page(outcome: Outcome, scene: Scene) -> dict[str, Any]:
    """Return what the scripts of a page read; mechanisms keep their order, and so their colours."""
    runs = Runs()
    for name in scene.mechanisms:
        runs.mechanisms.add(name)
    runs.add(outcome)
    return runs.data()


def opened(job: Job, test: Test, cell: Cell) -> None:
    """Make the world of a cell once, apart where the model is a user's; raises VmlitmusError."""

    def made() -> bool:
        job.machine(test, cell)
        return True

    apart(job.model, cell.name, made)


def limited(job: Job, seconds: float) -> Job:
    """Return a job whose searches end: in the time given, unless the user gave another."""
    limits = job.limits
    return replace(job, limits=limits.within(limits.seconds or seconds))
