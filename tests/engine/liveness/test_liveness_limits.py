"""Limits and interrupts in the middle of a liveness search leave the claim undecided."""

from __future__ import annotations

import dataclasses
import time

import pytest
from fair_world import INTERRUPTS, Cpu

from vmlitmus.compiler import build
from vmlitmus.engine import Limits, run
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.search import Search
from vmlitmus.lang import eventually, never


def six_cpus(make, settings) -> None:
    for _ in range(6):
        make(Cpu)


MODEL = dataclasses.replace(INTERRUPTS, setup=six_cpus)
STATES = 4**6


@pytest.fixture
def machine():
    return build(MODEL, allow=["interrupt"])


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_it_is_decided_without_limits(machine, engine: str) -> None:
    result = run(machine, eventually("ran"), engine=engine)
    assert result.verdict == "violated"
    assert result.states == STATES


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_an_interrupt_after_the_search(machine, engine: str) -> None:
    def interrupt(progress) -> None:
        if progress.frontier == 0:
            raise KeyboardInterrupt

    result = run(machine, eventually("ran"), engine=engine, progress=interrupt)
    assert result.verdict == "inconclusive"
    assert result.reason == "interrupted"
    assert result.states == STATES
    assert result.trace is None


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_time_limit_after_the_search(machine, engine: str) -> None:
    def dawdle(progress) -> None:
        if progress.frontier == 0:
            clock[0] += 60.0

    clock = [0.0]
    real = time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", lambda: real() + clock[0])
        limits = Limits(seconds=50.0)
        result = run(machine, eventually("ran"), engine=engine, limits=limits, progress=dawdle)
    assert result.verdict == "inconclusive"
    assert result.reason == "the time limit was reached"
    assert result.states == STATES


def test_the_memory_limit_counts_the_graph(machine) -> None:
    with Search(compile_machine(machine, ("ran",))) as search:
        enough = search.run().allocated
    limits = Limits(memory=2 * enough)
    assert run(machine, never("ran"), engine="compiled", limits=limits).verdict == "violated"
    limits = Limits(memory=enough + 1000)
    result = run(machine, eventually("ran"), engine="compiled", limits=limits)
    assert result.verdict == "inconclusive"
    assert result.reason == "the memory limit was reached"
