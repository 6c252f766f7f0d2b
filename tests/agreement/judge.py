"""Do both engines, and plain generators, agree on a model?"""

from __future__ import annotations

import dataclasses
import gc
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from generators import generator_differs
from instance_order import order_differs
from random_models import Writer

from vmlitmus.compiler import Machine, build
from vmlitmus.compiler.machine.lowering_cache import _FAMILIES
from vmlitmus.engine import Limits, Progress, run
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, ModelError, ScenarioError
from vmlitmus.lang import Claim, Model
from vmlitmus.lang.syntax.trees import _functions, _parsed, forget, names_of, outside_names
from vmlitmus.outcome import Result

LARGEST = 250  # states; larger models say nothing more
MAY_BE_REFUSED = (  # what the language does not offer, or not yet, and random models may ask for
    "a guard after an effect in the same section",
    "a return of a sub-sequence within a loop around its call is not supported",
    "cannot set 'flag': not an entity",  # a field that is None for good
    "never in",  # a value that is out of range in every state
    "is not in",
    "integers have at most",
)
_ENOUGH = 1 << 28  # bytes for the compiled engine: what the reference engine sees fits easily
Choose = Callable[[int], int]
_LOADED: list[str] = []
_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Opinion:
    """What was made of a model: "compared", "faulty" (alike in both engines), "large", "refused".

    ``differs`` says how engines or generators differ, or None.
    """

    kind: str
    differs: str | None = None


class TooLarge(Exception):
    """The machine has more states than are worth the time."""


def load(text: str) -> Model:
    """Return the model in a source text."""
    return model_of(loaded(text))


def loaded(text: str) -> ModuleType:
    """Return a module with the code of a source text."""
    name = f"random_model_{next(_NUMBERS)}"
    _LOADED.append(name)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.py"
        path.write_text(text)
        module = sys.modules[name] = ModuleType(name)
        module.__file__ = str(path)
        _functions(str(path))  # parsed while the file is there
        exec(compile(_parsed(str(path)), str(path), "exec"), module.__dict__)  # noqa: S102 - ours
    return module


def model_of(module: ModuleType, more: str = "") -> Model:
    """Return the model in a module, once some text more was executed in it."""
    exec(more, module.__dict__)  # noqa: S102 - our own text
    model = module.MODEL
    assert isinstance(model, Model)
    return model


def tidy() -> None:
    """Forget the models loaded so far; many of them would fill the memory."""
    for name in _LOADED:
        sys.modules.pop(name, None)
    _LOADED.clear()
    _FAMILIES.clear()
    names_of.cache_clear()
    outside_names.cache_clear()
    forget("")


def scenario(model: Model, choose: Choose) -> Machine:
    """Return the machine of one scenario of a model."""
    storm = tuple(model.disturbances)
    kind = choose(4)
    if kind == 1:
        return build(model)
    if kind == 2 and storm:
        return build(model, allow=storm, at_most=dict.fromkeys(storm, 1 + choose(2)))
    try:
        return build(model, allow=storm, without=("part 0",) if kind == 3 else ())
    except ScenarioError:  # the model has no such part
        return build(model, allow=storm)


def verdict(
    machine: Machine, claim: Claim, engine: str, observe: Sequence[str], most: int
) -> Result | str:
    """Return what an engine finds, or the error: that the model is faulty, and where.

    Raises TooLarge when the reference engine finds more than ``most`` states.
    """

    def watch(progress: Progress) -> None:
        if engine == "reference" and progress.states > most:
            raise TooLarge

    limits = Limits(memory=_ENOUGH if engine == "compiled" else None)
    try:
        result = run(
            machine, claim, engine=engine, limits=limits, observe=tuple(observe), progress=watch
        )
    except (ModelError, EnginesDisagree) as error:
        return f"{type(error).__name__}: {error}"
    warnings = tuple(w for w in result.warnings if "fingerprints" not in w)
    return dataclasses.replace(result, engine="", seconds=0.0, warnings=warnings)


def disagreement(
    machine: Machine,
    claims: Sequence[Claim],
    observe: Sequence[str] = ("other",),
    most: int = LARGEST,
) -> Opinion:
    """Say whether the two engines differ for any of the claims."""
    kind = "compared"
    for claim in claims:
        try:
            one = verdict(machine, claim, "reference", observe, most)
        except TooLarge:
            return Opinion("large")
        two = verdict(machine, claim, "compiled", observe, most)
        if one != two:
            return Opinion(kind, f"{claim}: reference {one} compiled {two}")
        kind = "faulty" if isinstance(one, str) else kind
    return Opinion(kind)


def later(machine: Machine, choose: Choose, steps: int = 25) -> list[str]:
    """Return the conditions that a random walk comes to, and that do not hold at the start."""
    stepper = Stepper(machine)
    state = machine.initial
    wanted = {name for name in machine.conditions if not stepper.holds(state, name)}
    met: set[str] = set()
    for _ in range(steps):
        try:
            options = stepper.successors(state)
        except ModelError:
            break
        if not options:
            break
        state = options[choose(len(options))][2]
        met |= {name for name in wanted - met if stepper.holds(state, name)}
    return [name for name in machine.conditions if name in met]


def judged(text: str, choose: Choose) -> Opinion:
    """Say how engines or generators differ on one scenario of a model, if they do."""
    try:
        machine = scenario(load(text), choose)
    except ModelError as error:
        expected = any(reason in str(error) for reason in MAY_BE_REFUSED)
        return Opinion("refused", None if expected else f"refused: {error}")
    differs = order_differs(machine) or generator_differs(machine, choose)
    if differs is not None:
        return Opinion("compared", differs)
    return engines_differ(machine, choose)


def engines_differ(machine: Machine, choose: Choose) -> Opinion:
    """Compare the engines on a claim that sees the whole graph, and on one that may stop early."""
    names = list(machine.conditions)
    met = later(machine, choose)
    goal = (met or names)[choose(len(met or names))]
    others = [name for name in names if name != goal]
    early = Claim(("never", "possible")[choose(2)], goal)
    whole = disagreement(machine, [Claim("recoverable", goal)], others)
    if whole.differs:
        return whole
    if met:
        return disagreement(machine, [early], () if whole.kind == "large" else others)
    return whole


def in_turn(seeds: Iterable[int]) -> Iterator[tuple[int, random.Random]]:
    """Yield each seed with its source of chance, for one model that is made and judged.

    Collects garbage every fifty models only: models are short-lived and full of cycles.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        for number, seed in enumerate(seeds, 1):
            yield seed, random.Random(seed)
            if number % 50 == 0:
                tidy()
                gc.collect()
    finally:
        if collecting:
            gc.enable()


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, str]]:
    """Judge the random models of some seeds; yields each seed, the opinion and the source text."""
    for seed, source in in_turn(seeds):
        text = Writer(source.randrange).model()
        yield seed, judged(text, source.randrange), text


def opinion(text: str, choose: Choose) -> str | None:
    """Return how engines or generators differ on a model, or None."""
    return judged(text, choose).differs


def hunt(
    judged: Callable[[range], Iterable[tuple[int, Opinion, str]]], first: int, count: int
) -> int:
    """Judge so many models from a seed on; print where it is, and return the exit code."""
    kinds: Counter[str] = Counter()
    for seed, opinion, text in judged(range(first, first + count)):
        kinds[opinion.kind] += 1
        if opinion.differs is not None:
            print(f"seed {seed}: {opinion.differs}\n{text}")
            return 1
        if sum(kinds.values()) % 500 == 0:
            print(f"{dict(kinds)}: resume with --first {seed + 1}", flush=True)
    print(f"{count} models agree: {dict(kinds)}")
    return 0
