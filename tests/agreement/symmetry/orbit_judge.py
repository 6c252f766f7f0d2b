"""Does a search by orbits find what a search of all states does?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from random import Random

from alike_models import AlikeWriter
from judge import (
    MAY_BE_REFUSED,
    Choose,
    Opinion,
    TooLarge,
    in_turn,
    later,
    loaded,
    model_of,
    scenario,
)

from vmlitmus.compiler import Machine
from vmlitmus.decide import Job
from vmlitmus.engine import Progress, run
from vmlitmus.engine.confirm import backing
from vmlitmus.engine.native.decide import orbits_of
from vmlitmus.errors import EnginesDisagree, ModelError
from vmlitmus.lang import Claim, Model
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Result

LARGEST = 60  # states; the compiled engine judges larger models, up to MOST
MOST = 20_000
TOGETHER = 4  # models of one code


def verdict(
    machine: Machine,
    claim: Claim,
    observe: tuple[str, ...],
    orbits: str,
    engine: str,
    most: int | None,
) -> Result | str:
    """Return what an engine finds, of all states or by orbits; raises TooLarge."""

    def watch(progress: Progress) -> None:
        if most is not None and progress.states > most:
            raise TooLarge

    try:
        return run(machine, claim, engine=engine, observe=observe, symmetry=orbits, progress=watch)
    except (ModelError, EnginesDisagree) as error:
        return f"{type(error).__name__}: {error}"


def comparable(result: Result | str) -> object:
    """Return what must be the same: all but the engine, the time, the orbits, and which run."""
    if isinstance(result, str):
        return result
    long = None if result.trace is None else len(result.trace)
    warnings = tuple(w for w in result.warnings if "fingerprints" not in w)
    same = dataclasses.replace(
        result,
        engine="",
        seconds=0.0,
        trace=None,
        orbits=None,
        interchangeable=(),
        different=(),
        warnings=warnings,
    )
    return long, same


def whole_verdict(
    machine: Machine,
    claim: Claim,
    observe: tuple[str, ...],
    by_orbits: Result | str,
    most: int | None,
) -> Result | str:
    """Return what a search of all states finds, in plain Python where there are few."""
    if isinstance(by_orbits, Result) and by_orbits.states <= LARGEST:
        with suppress(TooLarge):  # where the claim ends early, and what is observed does not
            return verdict(machine, claim, observe, "off", "reference", LARGEST)
    return verdict(machine, claim, observe, "off", "compiled", most)


def opinion(
    machine: Machine, claim: Claim, observe: tuple[str, ...], most: int | None = MOST
) -> Opinion:
    """Say how the searches differ for a claim, if they do: "alike" where something was."""
    asked = dict.fromkeys((*claim.conditions, *backing(machine, claim), *observe))
    if orbits_of(machine, tuple(asked))[0] is None:
        return Opinion("different")
    try:
        by_orbits = verdict(machine, claim, observe, "on", "compiled", most)
        whole = whole_verdict(machine, claim, observe, by_orbits, most)
    except TooLarge:
        return Opinion("large")
    if comparable(by_orbits) != comparable(whole):
        return Opinion("alike", f"{claim}: of all states {whole} by orbits {by_orbits}")
    if isinstance(whole, str):
        return Opinion("faulty")
    return Opinion("alike")


def cell_opinion(name: str) -> Opinion:
    """Say how the searches differ for a cell of the catalogue, if they do."""
    catalogue = Catalogue()
    ((test, (cell, *_)),) = catalogue.select([name], wide=True)
    machine = Job(catalogue).machine(test, cell)
    return opinion(machine, cell.claim, test.watched, most=None)


def judged(model: Model, choose: Choose) -> Opinion:
    """Say how the searches differ on one scenario of a model, if they do."""
    try:
        machine = scenario(model, choose)
    except ModelError as error:
        expected = any(reason in str(error) for reason in MAY_BE_REFUSED)
        return Opinion("refused", None if expected else f"refused: {error}")
    met = later(machine, choose)
    names = met or list(machine.conditions)
    goal = names[choose(len(names))]
    others = tuple(name for name in machine.conditions if name != goal)[: choose(4)]
    return opinion(machine, Claim(("never", "possible", "recoverable")[choose(3)], goal), others)


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, str]]:
    """Judge the random models of some seeds; yields each seed, the opinion and the source text.

    As many as stand ``TOGETHER`` have one code, which is read and lowered once, and differ in their
    setups, scenarios and claims.
    """
    groups = {first: list(some) for first, some in groupby(seeds, lambda s: s - s % TOGETHER)}
    for first, source in in_turn(groups):
        code = AlikeWriter(source.randrange).code()
        module = loaded(code.text)
        for seed in groups[first]:
            choose = (source if seed == first else Random(seed)).randrange
            more = code.first() if seed == first else code.another(choose)
            yield seed, judged(model_of(module, more), choose), code.text + more
