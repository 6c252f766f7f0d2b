"""Ablation: both engines, and a machine built for every combination, give the same answers."""

from __future__ import annotations

import dataclasses
import itertools
import random
import sys

import pytest
from judge import load, tidy
from random_models import Writer

from vmlitmus.compiler import build, scanned
from vmlitmus.engine import Limits, ablate, run
from vmlitmus.engine.ablation.ablate import EXACT, contradiction, hitting, minimal
from vmlitmus.engine.ablation.queries import KnownVerdicts
from vmlitmus.engine.reference.search import Stepper
from vmlitmus.errors import EnginesDisagree, ModelError, ScenarioError
from vmlitmus.lang import eventually, leads_to, never, possible, recoverable
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.catalogue import blessed
from vmlitmus.outcome import PartStatus, Verdict

CATALOGUE = Catalogue()
HOLDING = [
    (test, cell)
    for test in CATALOGUE.tests()
    for cell in test.cells
    if cell.expect is Verdict.HOLDS
]
CHEAP = 2_000  # states of all combinations together, about: for plain Python in the ordinary tests
SLOW = 400_000  # in the wide tier; beyond, plain Python would take minutes
FEW = 4  # parts whose combinations the ordinary tests all try; the wide tier tries EXACT
MUCH = 40_000  # states of a cell times combinations, beyond which it is of the wide tier


def on(test, cell) -> list[str]:
    """Return the parts that the code of a cell mentions and that are on."""
    model = CATALOGUE.model_of(test.topic)
    off = cell.off(model)
    parts = scanned(model, cell.tables, cell.lists, allow=cell.allow).parts
    return [part for part in parts if part not in off]


PARTS = {cell.name: on(test, cell) for test, cell in HOLDING if not test.wide}
COUNTS = {topic: blessed(topic) for topic in CATALOGUE.topics()}


def is_quick(test, cell) -> bool:
    """Say whether the ordinary tests try all combinations of a cell's parts."""
    parts = len(PARTS[cell.name]) if cell.name in PARTS else EXACT
    states, *_ = COUNTS[test.topic].get(cell.name, [MUCH])
    return parts <= FEW and states << parts <= MUCH


def first_of_each(pairs):
    """Return one cell of each test and claim for each set of parts: the others are like it."""
    found = {}
    for test, cell in pairs:
        found.setdefault((test.name, cell.claim, tuple(PARTS[cell.name])), (test, cell))
    return list(found.values())


QUICK = [pair for pair in HOLDING if is_quick(*pair) and PARTS[pair[1].name]]
ORDINARY = first_of_each(QUICK)
_CHOSEN = {cell.name for _, cell in ORDINARY}
REST = [pair for pair in HOLDING if pair[1].name not in _CHOSEN and PARTS.get(pair[1].name) != []]


def one(name: str):
    """Return the machine of a test of one cell, with switches, and its claim."""
    test, cell = next(pair for pair in HOLDING if pair[0].name == name)
    return cell.machine(CATALOGUE.model_of(test.topic), switchable=True), cell.claim


def subsets(parts):
    sizes = range(len(parts) + 1)
    return [frozenset(c) for n in sizes for c in itertools.combinations(parts, n)]


def table(machine, claim, engine, sets):
    """Every verdict, and the length of every counterexample, from one switchable machine."""
    asked = KnownVerdicts(machine, claim, engine, Limits(), None)
    asked.ask(sets)
    return asked


def agree(test, cell, patience: int) -> None:
    """Compare one search for all combinations with one machine, built for each, at a time.

    Plain Python is asked as well where all combinations together have few enough states.
    """
    model = CATALOGUE.model_of(test.topic)
    machine = cell.machine(model, switchable=True)
    if len(machine.switches) > EXACT:
        pytest.skip(f"{len(machine.switches)} parts")
    sets = subsets(machine.switches)
    found = table(machine, cell.claim, "compiled", sets)
    for off in sets:
        alone = dataclasses.replace(cell, without=(*cell.without, *off)).machine(model)
        result = run(alone, cell.claim)
        assert found.known[off] is result.verdict, off
        length = None if result.trace is None else len(result.trace)
        assert cell.claim.is_liveness or found.lengths.get(off) == length, off
    if found.states <= patience:
        other = table(machine, cell.claim, "reference", sets)
        assert other.known == found.known
        assert cell.claim.is_liveness or other.lengths == found.lengths
        assert (other.states, other.transitions) == (found.states, found.transitions)
        assert other.coverage == found.coverage


def params(cells):
    return [pytest.param(test, cell, id=cell.name) for test, cell in cells]


@pytest.mark.parametrize(("test", "cell"), params(ORDINARY))
def test_engines_and_brute_force_agree(test, cell) -> None:
    agree(test, cell, CHEAP)


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), params(REST))
def test_engines_and_brute_force_agree_on_the_rest(test, cell) -> None:
    agree(test, cell, SLOW)


@pytest.mark.wide
@pytest.mark.parametrize(("test", "cell"), params(ORDINARY))
def test_plain_python_agrees_where_it_takes_longer(test, cell) -> None:
    agree(test, cell, SLOW)


CLAIMS = (
    never("goal"),
    possible("goal"),
    recoverable("goal"),
    eventually("goal"),
    leads_to("other", "goal"),
)


def small(machine, most=300) -> bool:
    stepper = Stepper(machine)
    seen, level = {machine.initial}, [machine.initial]
    try:
        while level and len(seen) <= most:
            found = {s for state in level for _, _, s in stepper.successors(state)}
            level = list(found - seen)
            seen |= found
    except ModelError:
        return True
    return len(seen) <= most


@pytest.mark.parametrize("shard", range(4))
def test_engines_and_brute_force_agree_on_random_models(shard: int) -> None:
    compared = 0
    for seed in range(shard * 50, (shard + 1) * 50):
        choose = random.Random(seed).randrange
        try:
            model = load(Writer(choose).model())
            machine = build(model, allow=model.disturbances, switchable=True)
        except ModelError:
            continue
        if not machine.switches or not small(machine):
            continue
        claim = CLAIMS[choose(5)]
        sets = subsets(machine.switches)
        try:
            one = table(machine, claim, "reference", sets)
        except ModelError:
            with pytest.raises(ModelError):
                table(machine, claim, "compiled", sets)
            continue
        two = table(machine, claim, "compiled", sets)
        assert one.known == two.known, seed
        assert claim.is_liveness or one.lengths == two.lengths, seed
        assert (one.states, one.transitions) == (two.states, two.transitions), seed
        for off in sets:
            result = run(build(model, allow=model.disturbances, without=off), claim)
            assert one.known[off] is result.verdict, (seed, off)
        compared += 1
    tidy()
    assert compared >= 5


def test_counts_of_an_ordinary_search_do_not_change() -> None:
    for test, cell in ORDINARY[::40]:
        model = CATALOGUE.model_of(test.topic)
        plain = run(cell.machine(model), cell.claim, engine="compiled")
        switchable = cell.machine(model, switchable=True)
        with_bits = run(switchable, cell.claim, engine="compiled")
        assert (plain.states, plain.transitions) == (with_bits.states, with_bits.transitions)
        assert plain.depth == with_bits.depth


LOCKS = """from __future__ import annotations
from vmlitmus.lang import *

WHY = Assumption("made-up", "a model of a test")

class Door(Entity):
    open: bool = False
    tried: bool = False

@step("somebody pulls at {{door}}", source=WHY)
def pull(w: World, door: Door) -> None:
    when(not door.tried)
    door.tried = True
    door.open = ({opens}){closes}

@condition("opened", "the door is open", source=WHY)
def opened(w: World) -> bool:
    return any(door.open for door in w.all(Door))

def setup(make, s):
    make(Door)

MODEL = Model(name="locks", doc="", entities=(Door,), steps=(pull,), conditions=(opened,),
    setup=setup)
"""


def locks(bolts: int, *, odd: bool = False):
    """A door that opens when bolts 2i and 2i+1 are both off; ``odd``: not if the last one is."""
    names = [f"bolt {i}" for i in range(bolts)]
    pairs = zip(names[::2], names[1::2], strict=False)
    opens = " or ".join(f"(not w.part({a!r}) and not w.part({b!r}))" for a, b in pairs)
    closes = f" and w.part({names[-1]!r})" if odd else ""
    model = load(LOCKS.format(opens=opens, closes=closes))
    return build(model, switchable=True)


def test_minimal_sets() -> None:
    found = ablate(locks(4), never("opened"))
    assert found.complete
    assert found.combinations == 16
    assert found.breaking == (("bolt 0", "bolt 1"), ("bolt 2", "bolt 3"))
    assert set(found.sufficient) == {
        (f"bolt {a}", f"bolt {b}") for a, b in itertools.product((0, 1), (2, 3))
    }
    assert {p.status for p in found.parts} == {PartStatus.REDUNDANT}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_above_the_limit_sets_go_by_size_and_monotony_is_checked(engine: str) -> None:
    found = ablate(locks(10), never("opened"), engine=engine)
    assert found.complete
    assert found.combinations < 2**10
    assert found.breaking == tuple((f"bolt {i}", f"bolt {i + 1}") for i in range(0, 10, 2))
    assert len(found.sufficient) == 2**5
    assert "assumed" in found.argument
    assert "such sets that were decided agree" in found.argument


def test_of_very_many_parts_each_is_off_alone() -> None:
    found = ablate(locks(26), never("opened"))
    assert found.combinations == 1 + 26
    assert {p.status for p in found.parts} == {PartStatus.REDUNDANT}
    assert found.breaking == found.sufficient == ()
    assert not found.complete
    assert found.argument.startswith("26 parts are too many to decide sets of them")


def test_what_is_not_monotone_is_said() -> None:
    few, many = (ablate(locks(n, odd=True), never("opened")) for n in (5, 11))
    assert few.complete
    assert not many.complete
    for found in (few, many):
        assert 'it is violated without "bolt 0", "bolt 1", but not without ' in found.argument


def test_sets_decided_by_size_are_those_of_every_set(monkeypatch) -> None:
    exact = ablate(locks(8), never("opened"))
    monkeypatch.setattr(sys.modules["vmlitmus.engine.ablation.ablate"], "EXACT", 3)
    by_size = ablate(locks(8), never("opened"))
    assert by_size.combinations < exact.combinations
    assert by_size.breaking == exact.breaking
    assert set(by_size.sufficient) == set(exact.sufficient)


def test_a_claim_that_something_is_possible() -> None:
    machine = locks(2)
    found = ablate(machine, possible("opened"))
    assert found.verdict is Verdict.VIOLATED
    assert found.parts == found.breaking == found.sufficient == ()
    assert ablate(machine, never("opened")).verdict is Verdict.HOLDS


def test_a_part_that_nothing_asks_for_is_no_switch() -> None:
    machine, _ = one("reclaim-flush")
    assert machine.switches == ("wait for the TLB flush", "flush on reclaim")
    with pytest.raises(ScenarioError, match="did you mean 'flush on reclaim'"):
        machine.switched(["flush on reclam"])


def test_only_some_parts() -> None:
    found = ablate(locks(12), never("opened"), parts=["bolt 0", "bolt 1"])
    assert [p.name for p in found.parts] == ["bolt 0", "bolt 1"]
    assert found.breaking == (("bolt 0", "bolt 1"),)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_at_a_limit_what_is_known_stays(engine: str) -> None:
    machine, claim = one("wished-protocol")
    found = ablate(machine, claim, engine=engine, limits=Limits(seconds=1e-9))
    assert found.reason == "the time limit was reached"
    assert {p.status for p in found.parts} == {PartStatus.INCONCLUSIVE}
    assert not found.complete


def interrupted(machine, claim, at: int):
    """Return what is known when the search is interrupted at its nth report."""
    calls = []

    def interrupt(progress) -> None:
        calls.append(progress)
        if len(calls) == at:
            raise KeyboardInterrupt

    return ablate(machine, claim, engine="compiled", progress=interrupt)


def test_an_interrupt_keeps_what_is_known() -> None:
    machine, claim = one("wished-protocol")
    known = ("flush on reclaim", PartStatus.LOAD_BEARING)
    tries = (interrupted(machine, claim, at) for at in range(20, 2000, 20))
    found = next(done for done in tries if known in [(p.name, p.status) for p in done.parts])
    assert found.verdict is Verdict.HOLDS
    assert found.reason == "interrupted"
    assert not found.complete


def test_no_part_is_compiled_twice(monkeypatch) -> None:
    from vmlitmus.engine.native.storage import store

    made = []
    compiled = store.Native

    def counting(ir: str, effort: int):
        made.append(ir)
        return compiled(ir, effort)

    machine, claim = one("mask-always-freed")
    run(machine, claim, engine="compiled")  # the search itself is compiled once a process
    store._machine.cache_clear()
    monkeypatch.setattr(store, "Native", counting)
    found = ablate(machine, claim, engine="compiled")
    assert found.combinations == 2 ** len(found.parts)
    assert len(set(made)) == 1  # maybe once in haste, and once more with care
    assert len(made) <= 2


def test_set_algebra() -> None:
    sets = [frozenset("ab"), frozenset("bc"), frozenset("abc"), frozenset("d")]
    assert minimal(sets) == [frozenset("d"), frozenset("ab"), frozenset("bc")]
    assert set(hitting(minimal(sets))) == {frozenset("bd"), frozenset("acd")}
    assert hitting([]) == [frozenset()]
    known = {frozenset("a"): Verdict.VIOLATED, frozenset("ab"): Verdict.HOLDS}
    assert contradiction(known) == (frozenset("a"), frozenset("ab"))


VERSIONS = """
FIX = Fix("bolt 0", KernelCommit("0123456789ab", "a fix of this test"), "6.1")
MODEL = Model(name="locks", doc="", entities=(Door,), steps=(pull,), conditions=(opened,),
    setup=setup, settings={"kvm": {"version": release(default="new")}},
    fixes=(FIX,), versions={"old": (), "new": (FIX,)})
"""


@pytest.mark.parametrize(
    ("version", "switches", "breaking"),
    [
        ("new", ("bolt 0", "bolt 1"), (("bolt 0", "bolt 1"),)),
        ("old", ("bolt 1",), (("bolt 1",),)),
    ],
)
def test_a_fix_that_the_kernel_lacks_is_no_candidate(version, switches, breaking) -> None:
    text = LOCKS.format(opens="not w.part('bolt 0') and not w.part('bolt 1')", closes="")
    model = load(text + VERSIONS)
    machine = build(model, {"kvm": {"version": version}}, switchable=True)
    assert machine.switches == switches
    assert ablate(machine, never("opened")).breaking == breaking


def test_a_run_that_cannot_be_executed_again_is_an_error(monkeypatch) -> None:
    together = sys.modules["vmlitmus.engine.ablation.batch"]
    found = together.find_together

    def broken(machine, *rest):
        result = found(machine, *rest)
        paths = {off: (*path[:-2], path[-1]) for off, path in result.paths.items()}
        return dataclasses.replace(result, paths=paths)

    machine, claim = one("reclaim-flush")
    monkeypatch.setattr(together, "find_together", broken)
    with pytest.raises(EnginesDisagree, match="flush on reclaim"):
        ablate(machine, claim, engine="compiled")


def test_a_step_that_fails_with_a_part_off_is_a_model_error() -> None:
    text = LOCKS.format(opens="not w.part('bolt 0')", closes="")
    text = text.replace("import *", "import *\nfrom typing import Annotated", 1)
    text = text.replace("    open:", "    level: Annotated[int, Between(0, 1)] = 1\n    open:")
    text = text.replace(
        "    door.open =", "    if not w.part('bolt 0'):\n        door.level += 1\n    door.open ="
    )
    machine = build(load(text), switchable=True)
    for engine in ("reference", "compiled"):
        with pytest.raises(ModelError, match="level"):
            ablate(machine, never("opened"), engine=engine)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_what_holds_for_want_of_anything_that_could_break_it_is_said(engine: str) -> None:
    text = LOCKS.format(opens="not w.part('bolt 0')", closes="")
    text = text.replace("when(not door.tried)", "when(not door.tried and w.part('hands'))")
    text = text.replace('"the door is open",', '"the door is open", backed_by=("tried",),')
    text = text.replace("conditions=(opened,)", "conditions=(opened, tried)").replace(
        "def setup",
        '@condition("tried", "somebody has pulled", source=WHY)\n'
        "def tried(w: World) -> bool:\n"
        "    return any(door.tried for door in w.all(Door))\n\ndef setup",
    )
    found = ablate(build(load(text), switchable=True), never("opened"), engine=engine)
    assert {p.name: (p.status.value, p.vacuous) for p in found.parts} == {
        "bolt 0": ("load-bearing", ()),
        "hands": ("redundant", ("tried",)),
    }
    assert found.vacuous == ()
    assert found.breaking == (("bolt 0",),)
