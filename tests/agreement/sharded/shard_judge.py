"""Does a search that is divided among workers find what one on one machine does?

python tests/agreement/sharded/shard_judge.py --first SEED --count N judges random models.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

sys.path.insert(0, str(Path(__file__).parents[1] / "symmetry"))

from alike_models import AlikeWriter
from here import Here
from judge import MAY_BE_REFUSED, Choose, Opinion, TooLarge, hunt, in_turn, later, load, scenario
from random_models import Writer

from vmlitmus.compiler import Machine
from vmlitmus.engine import Limits, Progress, run
from vmlitmus.engine.native.sharded import shard
from vmlitmus.errors import EnginesDisagree, ModelError
from vmlitmus.lang import Claim
from vmlitmus.outcome import Result

LARGEST = 3_000  # states; larger models say nothing more


def quick() -> None:
    """Send little at a time, and compile in haste: models are small."""
    shard.ROOM = 40
    shard._PIECE = 7
    shard.EFFORT = 0


def verdict(machine: Machine, claim: Claim, observe: tuple[str, ...], **how: object) -> object:
    """Return what is found, without which run it is and how long it took; raises TooLarge."""

    def watch(progress: Progress) -> None:
        if progress.states > LARGEST:
            raise TooLarge

    limits = Limits(memory=1 << 28)
    try:
        found: Result = run(
            machine, claim, engine="compiled", limits=limits, observe=observe, progress=watch, **how
        )
    except (ModelError, EnginesDisagree) as error:
        return type(error).__name__, None  # of the first state in each one's order
    long = None if found.trace is None else len(found.trace)
    return long, dataclasses.replace(found, seconds=0.0, trace=None)


def opinion(
    machine: Machine, claim: Claim, observe: tuple[str, ...], workers: int, symmetry: str = "off"
) -> Opinion:
    """Say how a search by so many workers differs for a claim, if it does."""
    try:
        whole = verdict(machine, claim, observe, symmetry=symmetry)
        divided = verdict(machine, claim, observe, symmetry=symmetry, workers=Here(workers))
    except TooLarge:
        return Opinion("large")
    differs = None if whole == divided else f"{claim}: whole {whole} by {workers} {divided}"
    return Opinion("faulty" if isinstance(whole[0], str) else "compared", differs)


def judged(text: str, choose: Choose) -> Opinion:
    """Say how the searches differ on one scenario of a model, if they do."""
    try:
        machine = scenario(load(text), choose)
    except ModelError as error:
        expected = any(reason in str(error) for reason in MAY_BE_REFUSED)
        return Opinion("refused", None if expected else f"refused: {error}")
    names = later(machine, choose) or list(machine.conditions)
    goal = names[choose(len(names))]
    others = tuple(name for name in machine.conditions if name != goal)[: choose(3)]
    claim = Claim(("never", "possible")[choose(2)], goal)
    return opinion(machine, claim, others, 2 + choose(3), ("off", "on")[choose(2)])


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, str]]:
    """Judge the random models of some seeds; yields each seed, the opinion and the source text."""
    for seed, source in in_turn(seeds):
        text = (AlikeWriter, Writer)[seed % 2](source.randrange).model()
        yield seed, judged(text, source.randrange), text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=1_000)
    options = parser.parse_args()
    quick()
    return hunt(by_seed, options.first, options.count)


if __name__ == "__main__":
    sys.exit(main())
