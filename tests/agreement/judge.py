"""Do both engines, and plain generators, agree on a model?"""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from vmlitmus.engine import Limits, run
from vmlitmus.engine.reference import Stepper
from vmlitmus.errors import ModelError
from vmlitmus.lang import Claim, Machine, Model, NotEnabled, build
from vmlitmus.outcome import Result, Verdict

LARGEST = 1500  # states; larger models say nothing more
_COUNT = [0]


def load(text: str) -> Model:
    """Return the model in a source text."""
    _COUNT[0] += 1
    name = f"random_model_{_COUNT[0]}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        module = ModuleType(name)
        module.__file__ = str(path)
        module.__spec__ = spec
        sys.modules[name] = module
        spec.loader.exec_module(module)
        _parse_now(path)
        model = module.MODEL
        assert isinstance(model, Model)
        return model


def _parse_now(path: Path) -> None:
    from vmlitmus.lang.syntax import _functions

    _functions(str(path))


def machines(model: Model) -> list[Machine]:
    """Return the machines of a model's scenarios."""
    storm = tuple(model.disturbances)
    first = build(model, allow=storm)
    found = [first, build(model)]
    if storm:
        found.append(build(model, allow=storm, at_most=dict.fromkeys(storm, 1)))
    if first.parts:
        found.append(build(model, allow=storm, without=first.parts[:1]))
    return found


def small(machine: Machine) -> bool:
    """Say whether the machine has few enough states; also true where it is faulty."""
    stepper = Stepper(machine)
    seen, level = {machine.initial}, [machine.initial]
    try:
        while level and len(seen) <= LARGEST:
            level = [
                s
                for state in level
                for _, _, s in stepper.successors(state)
                if not (s in seen or seen.add(s))
            ]
    except ModelError:
        return True
    return len(seen) <= LARGEST


def verdict(machine: Machine, claim: Claim, engine: str) -> Result | str:
    """Return what an engine finds, or that the model is faulty, and where."""
    try:
        result = run(machine, claim, engine=engine, limits=Limits(), observe=("other",))
    except ModelError as error:
        return f"faulty: {type(error).__name__}"
    return dataclasses.replace(result, engine="", seconds=0.0)


CLAIMS = [
    Claim(kind, name) for kind in ("recoverable", "never", "possible") for name in ("goal", "other")
]


def disagreement(machine: Machine, claims=CLAIMS) -> str | None:
    """Return on what the two engines differ for any of the claims, or None."""
    for claim in claims:
        one = verdict(machine, claim, "reference")
        two = verdict(machine, claim, "compiled")
        if one != two:
            return f"{claim}: reference {one} compiled {two}"
    return None


def opinion(text: str, choose) -> str | None:
    """Return how engines or generators differ on one machine of a model, or None."""
    try:
        found = machines(load(text))
    except ModelError:
        return None  # refused when it is built, before any engine sees it
    machine = found[choose(len(found))]
    if not small(machine):
        return None
    claim = CLAIMS[choose(len(CLAIMS))]
    return disagreement(machine, [claim]) or generator_differs(machine, choose)


def generator_differs(machine: Machine, choose, steps: int = 12) -> str | None:
    """Walk at random; run each sequence as an untransformed generator beside its sections.

    A generator dies of a guard that blocks, so for each section it is driven again from its start,
    with the world put into each state in which its earlier sections had run.
    """
    stepper = Stepper(machine)
    state = machine.initial
    runs: dict[str, list] = {}
    for _ in range(steps):
        try:
            options = stepper.successors(state)
        except ModelError:
            return None
        if not options:
            return None
        instance, _, after = options[choose(len(options))]
        if instance.program is not None:
            actor = str(instance.actor)
            if instance.start == 0:
                runs[actor] = [instance, []]
            begun, states = runs[actor]
            states.append(state)
            _, reached = _drive(machine, stepper, begun, states)
            if visible(machine, reached) != visible(machine, after):
                return f"{instance} from {state}: generator {reached}, section {after}"
        state = after
    return None


def visible(machine: Machine, state: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(code for v, code in zip(machine.variables, state, strict=True) if not v.hidden)


def _drive(machine: Machine, stepper: Stepper, begun, states):
    """Drive a fresh generator through all its sections so far; return the last label and state."""
    generator = begun.step.function(machine.world, *begun.binding)
    label = None
    for state in states:
        machine.load(state)
        stepper.now = None
        try:
            label = next(generator)
        except StopIteration:
            label = begun.step.label
        except NotEnabled:
            return "blocked", ()
    written = dict(machine.world.recorder.written)
    after = list(states[-1])
    for index, code in written.items():
        after[index] = code
    machine.load(states[-1])
    return label, tuple(after)


def inconclusive(result: Result | str) -> bool:
    return not isinstance(result, str) and result.verdict is Verdict.INCONCLUSIVE
