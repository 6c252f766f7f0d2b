"""Does a search by orbits find what a search of all states does?"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator

from alike_models import AlikeWriter
from judge import MAY_BE_REFUSED, Opinion, TooLarge, in_turn, later, load, scenario

from vmlitmus.compiler import Machine
from vmlitmus.compiler.symmetry import symmetry
from vmlitmus.decide import Job
from vmlitmus.engine import Progress, run
from vmlitmus.errors import EnginesDisagree, ModelError
from vmlitmus.lang import Claim
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Result

LARGEST = 400  # states; the compiled engine judges larger models, up to MOST
MOST = 20_000


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


def opinion(
    machine: Machine, claim: Claim, observe: tuple[str, ...], most: int | None = MOST
) -> Opinion:
    """Say how the searches differ for a claim, if they do: "alike" where something was."""
    asked = (claim.condition, *observe, *machine.model.condition(claim.condition).backed_by)
    if symmetry(machine, asked).order == 1:
        return Opinion("different")
    try:
        by_orbits = verdict(machine, claim, observe, "on", "compiled", most)
        if isinstance(by_orbits, Result) and by_orbits.states <= LARGEST:
            whole = verdict(machine, claim, observe, "off", "reference", LARGEST)
        else:
            whole = verdict(machine, claim, observe, "off", "compiled", most)
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
    machine = Job(catalogue).machine(test.topic, cell)
    return opinion(machine, cell.claim, test.watched, most=None)


def judged(text: str, choose) -> Opinion:
    """Say how the searches differ on one scenario of a model, if they do."""
    try:
        machine = scenario(load(text), choose)
    except ModelError as error:
        expected = any(reason in str(error) for reason in MAY_BE_REFUSED)
        return Opinion("refused", None if expected else f"refused: {error}")
    met = later(machine, choose)
    names = met or list(machine.conditions)
    goal = names[choose(len(names))]
    others = tuple(name for name in machine.conditions if name != goal)[: choose(4)]
    return opinion(machine, Claim(("never", "possible", "recoverable")[choose(3)], goal), others)


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, str]]:
    """Judge the random models of some seeds; yields each seed, the opinion and the source text."""
    for seed, source in in_turn(seeds):
        text = AlikeWriter(source.randrange).model()
        yield seed, judged(text, source.randrange), text
