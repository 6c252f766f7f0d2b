"""Do both engines, and plain generators, agree on a wide model, with its parts on and off?"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from judge import Choose, Opinion, judged, load, tidy
from native_stepper import NativeStepper
from wide_models import WideWriter

from vmlitmus.compiler import Machine, State, build
from vmlitmus.engine import Limits
from vmlitmus.engine.ablation.queries import Asked
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, ModelError
from vmlitmus.lang import Claim

STATES = 25  # whose successors are compared


def reached(machine: Machine) -> list[State]:
    """Return some reachable states, none of which is faulty."""
    stepper = Stepper(machine)
    found = [machine.initial]
    for state in found:
        after = [reached for _, _, reached in stepper.successors(state)]
        found += [s for s in dict.fromkeys(after) if s not in found]
        if len(found) >= STATES:
            break
    return found[:STATES]


def successors_differ(machine: Machine) -> str | None:
    """Return how the successors of some reachable states differ: instances, states and steps."""
    stepper, native = Stepper(machine), NativeStepper(machine, effort=0)
    for state in reached(machine):
        taken = stepper.successors(state)
        one: Any = [(i, after) for i, _, after in taken], Counter(name for _, name, _ in taken)
        two: Any = native.successors(state)
        if one != (two[0], Counter(two[1])):
            return f"successors of {state}: reference {one} compiled {two}"
    return None


def parts_differ(text: str) -> str | None:
    """Return how the engines differ where some parts are off."""
    machine = build(load(text), switchable=True)
    off = [frozenset[str](), frozenset(machine.switches)]
    off += [frozenset([part]) for part in machine.switches]
    asked = [Asked(machine, Claim("never", "goal"), e, Limits(), None) for e in ENGINES]
    for one in asked:
        one.ask(off)
    answers = [(a.known, a.lengths, a.states, a.transitions, a.coverage) for a in asked]
    if answers[0] == answers[1]:
        return None
    return f"parts off: reference {answers[0]} compiled {answers[1]}"


ENGINES = ("reference", "compiled")


def wide_opinion(text: str, choose: Choose) -> Opinion:
    """Say how engines or generators differ on a wide model, if they do."""
    found = judged(text, choose)
    if found.differs or found.kind != "compared":
        return found
    try:
        differs = successors_differ(build(load(text)))
        differs = differs or parts_differ(text)
    except ModelError:  # with other parts, or without the disturbances, a step is faulty
        return Opinion("faulty")
    except EnginesDisagree as error:
        differs = str(error)
    return Opinion("compared", differs)


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, WideWriter, str]]:
    """Judge the wide models of some seeds; yields each with the opinion and the source text."""
    for seed in seeds:
        source = random.Random(seed)
        writer = WideWriter(source.randrange)
        text = writer.model()
        yield seed, wide_opinion(text, source.randrange), writer, text
        tidy()
        gc.collect(1)
