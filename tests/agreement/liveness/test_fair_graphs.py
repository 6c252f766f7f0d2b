"""Liveness of random graphs: the engines agree with each other and with all sets of states."""

from __future__ import annotations

import dataclasses
import random
import re

import pytest
from fair_graphs import Graph, all_graphs_of_two_states, nested_graph, random_graph
from judge import load

from vmlitmus.compiler import build
from vmlitmus.engine import run
from vmlitmus.engine.native import decide
from vmlitmus.engine.native import graph as native_graph
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.search import Search
from vmlitmus.engine.reference.liveness import find_lasso
from vmlitmus.engine.reference.search import Explored
from vmlitmus.lang import eventually, leads_to

CLAIMS = {"eventually": eventually("met"), "leads_to": leads_to("asked", "met")}
SHARDS = 10


def reference_finds(graph: Graph, kind: str) -> bool:
    """Say whether the reference engine's graph search finds a lasso, without a model."""
    parent: dict[tuple[int, ...], tuple[int, ...] | None] = {(0,): None}
    edges: dict[tuple[int, ...], list[tuple[int, tuple[int, ...]]]] = {}
    for state in (waiting := [(0,)]):
        edges[state] = [(i, (after,)) for i, after in graph.steps(state[0])]
        for _, after in edges[state]:
            if after not in parent:
                parent[after] = state
                waiting.append(after)
    unmet = {state for state in parent if state[0] not in graph.met}
    starts = [s for s in parent if s in unmet and (kind == "eventually" or s[0] in graph.asked)]
    if kind == "eventually":
        starts = starts[:1] if (0,) in unmet else []
    promises = {i: fair for i, fair in enumerate(graph.fair) if fair}
    seen = Explored(parent, edges=edges)
    return find_lasso(seen, starts, unmet, promises, lambda: None) is not None


def differs(graph: Graph, kind: str) -> str | None:
    """Return how the engines' answers differ from the expected one, or None."""
    machine = build(load(graph.text()))
    expected = "violated" if graph.violated(kind) else "holds"
    found = [run(machine, CLAIMS[kind], engine=e) for e in ("reference", "compiled")]
    if {r.verdict.value for r in found} != {expected}:
        return f"expected {expected}, found {[r.verdict.value for r in found]}"
    same = [dataclasses.replace(r, engine="", seconds=0.0) for r in found]
    return None if same[0] == same[1] else f"{same[0]}\nis not\n{same[1]}"


def padded(text: str, sets: int) -> str:
    """Return the model with so many sets of 62 pads in its state, all full in odd states."""
    fields = "".join(f"    s{i}: Set[Pad]\n" for i in range(sets))
    writes = "".join(f"    x.s{i} = x.full if x.at % 2 == 1 else x.none\n" for i in range(sets))
    text = text.replace(
        "class Walker(Entity):\n", "class Pad(Entity):\n    pass\n\nclass Walker(Entity):\n"
    )
    text = text.replace(
        "    at: Annotated",
        f"    full: Const[Set[Pad]]\n    none: Const[Set[Pad]]\n{fields}    at: Annotated",
    )
    text = re.sub(r"(    x\.at = .*\n)", lambda m: m[1] + writes, text)
    text = text.replace(
        "    make(Walker)\n", "    make(Walker, full={make(Pad) for _ in range(62)})\n"
    )
    return text.replace("(Walker,)", "(Pad, Walker)")


@pytest.mark.parametrize(("sets", "words"), [(1, 2), (3, 4)])
def test_states_of_several_words(sets: int, words: int) -> None:
    for seed in range(30):
        source = random.Random(seed)
        graph = nested_graph(source.randrange)
        machine = build(load(padded(graph.text(), sets)))
        assert Layout(machine).words == words
        for kind, claim in CLAIMS.items():
            expected = "violated" if graph.violated(kind) else "holds"
            for engine in ("reference", "compiled"):
                assert run(machine, claim, engine=engine).verdict.value == expected, (seed, kind)


def test_all_graphs_of_two_states_and_two_instances() -> None:
    verdicts = set()
    for graph in all_graphs_of_two_states():
        for kind in CLAIMS:
            assert reference_finds(graph, kind) == graph.violated(kind), (graph, kind)
            verdicts.add(graph.violated(kind))
    assert verdicts == {True, False}


@pytest.mark.parametrize("made", [random_graph, nested_graph])
@pytest.mark.parametrize("kind", CLAIMS)
def test_the_reference_search_is_right_on_random_graphs(kind: str, made) -> None:
    source = random.Random(1)
    verdicts = []
    for number in range(1500):
        graph = made(source.randrange)
        verdicts.append(graph.violated(kind))
        assert reference_finds(graph, kind) == verdicts[-1], (number, graph)
    assert 150 < sum(verdicts) < 1350


@pytest.mark.parametrize("made", [random_graph, nested_graph])
@pytest.mark.parametrize("shard", range(SHARDS))
def test_both_engines_are_right_on_random_graphs(shard: int, made) -> None:
    for seed in range(shard * 30, (shard + 1) * 30):
        source = random.Random(seed)
        graph = made(source.randrange)
        kind = ("eventually", "leads_to")[source.randrange(2)]
        problem = differs(graph, kind)
        assert problem is None, f"seed {seed}, {kind}: {problem}\n{graph}"


def test_code_for_many_states_is_right_on_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is compiled otherwise, and the table has short slots."""
    searches: list[Search] = []

    def search(*given, **named) -> Search:
        searches.append(Search(*given, **named, effort=2))
        return searches[-1]

    monkeypatch.setattr(decide, "Search", search)
    monkeypatch.setattr(native_graph, "_FEW", 0)
    for seed in range(40):
        source = random.Random(seed)
        graph = (random_graph, nested_graph)[seed % 2](source.randrange)
        for kind in CLAIMS:
            problem = differs(graph, kind)
            assert problem is None, f"seed {seed}, {kind}: {problem}\n{graph}"
    assert all(made.table.short for made in searches)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_loop_is_the_nearest_of_all_rounds(engine: str) -> None:
    """State 0 enables a strong promise that leads away; a run may stop in state 1 or in state 2.

    The first round sees 0 and 1 as one component, which breaks the promise, and the loop in 2.
    Another step of the promise, between states 4 and 5, makes that more than a hopeless state.
    """
    moves: tuple[dict[int, int], ...] = ({0: 3, 4: 5}, {0: 1}, {1: 0}, {1: 2}, {2: 4}, {5: 2})
    fair = ("strong", *[None] * 5)
    graph = Graph(moves, fair, asked=frozenset(), met=frozenset({3}), size=6)
    result = run(build(load(graph.text())), CLAIMS["eventually"], engine=engine)
    assert result.trace is not None
    assert ([step.step for step in result.trace], result.loop_start) == (["step1"], 1)


@pytest.mark.wide
@pytest.mark.parametrize("made", [random_graph, nested_graph])
@pytest.mark.parametrize("shard", range(20))
def test_both_engines_are_right_on_many_random_graphs(shard: int, made) -> None:
    for seed in range(10_000 + shard * 250, 10_000 + (shard + 1) * 250):
        source = random.Random(seed)
        graph = made(source.randrange)
        kind = ("eventually", "leads_to")[source.randrange(2)]
        problem = differs(graph, kind)
        assert problem is None, f"seed {seed}, {kind}: {problem}\n{graph}"
