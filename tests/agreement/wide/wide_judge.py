"""Do both engines, and plain generators, agree on a wide model, with its parts on and off?"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

import fair_models
from fair_models import promised
from judge import Choose, Opinion, judged, load, tidy
from native_stepper import NativeStepper
from wide_models import WideWriter

from vmlitmus.compiler import Machine, State, build
from vmlitmus.engine import Limits, run
from vmlitmus.engine.ablation.queries import KnownVerdicts
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, ModelError, ScenarioError
from vmlitmus.lang import Claim, eventually, leads_to

FEW = 60  # states for which there is a third opinion on what has to happen
MOST = 300  # states that are worth the time there
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
    asked = [KnownVerdicts(machine, Claim("never", "goal"), e, Limits(), None) for e in ENGINES]
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


FAR = """
@condition("far", "a box has one kind", source=S)
def far(w):
    return any(b.kind is Kind.K{kind} for b in w.all(Box))

MODEL = """


def fair_opinion(text: str, kind: int, choose: Choose) -> Opinion:
    """Say how the engines differ on what has to happen in a wide model, if they do.

    Where states are few there is a third opinion, that of ``fair_models``, which knows no words and
    no components. ``kind`` is what one of the conditions asks for, so that one instance of a step
    has to happen.
    """
    text = text.replace("\nMODEL = ", FAR.format(kind=kind)).replace("(goal, ", "(far, goal, ")
    try:
        model = load(promised(text, choose))
        machine = build(model, allow=tuple(model.disturbances))
        feasible = fair_models.Opinion(machine, MOST)
        names = [c.name for c in model.conditions]
        near = [n for i, n in enumerate(names) if i in (0, 1, 63, 64, 65, len(names) - 1)]
        awaited, asked = near[choose(len(near))], near[choose(len(near))]
        claim = (eventually(awaited), leads_to(asked, awaited))[choose(2)]
        one, two = (run(machine, claim, engine=e) for e in ENGINES)
        expected = one.verdict.value
        if len(feasible.steps) <= FEW:
            expected = "violated" if feasible.violated(claim) else "holds"
    except (ModelError, ScenarioError, fair_models.TooLarge):
        return Opinion("none")
    except EnginesDisagree as error:
        return Opinion("compared", str(error))
    found = (one.verdict.value, two.verdict.value, one.states, one.transitions)
    if found != (expected, expected, two.states, two.transitions):
        return Opinion("compared", f"{claim}: {expected}, reference {one} compiled {two}")
    return Opinion(expected)


def fair_by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, WideWriter, str]]:
    """Judge what has to happen in the wide models of some seeds; yields as ``by_seed`` does."""
    for seed in seeds:
        source = random.Random(seed)
        writer = WideWriter(source.randrange)
        text = writer.model()
        kind = writer.pick(writer.count["kinds"])
        yield seed, fair_opinion(text, kind, source.randrange), writer, text
        tidy()
        gc.collect(1)


def by_seed(seeds: Iterable[int]) -> Iterator[tuple[int, Opinion, WideWriter, str]]:
    """Judge the wide models of some seeds; yields each with the opinion and the source text."""
    for seed in seeds:
        source = random.Random(seed)
        writer = WideWriter(source.randrange)
        text = writer.model()
        yield seed, wide_opinion(text, source.randrange), writer, text
        tidy()
        gc.collect(1)
