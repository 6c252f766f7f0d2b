"""The compiled simulator against SimPy (package ``simpy``), on two systems of the catalogue.

Both sides run on one core, in turns, by CPU time; what they find has to agree within intervals of
99 %. The last line is the smaller ratio of events a second. ``--cores`` measures in addition how
much faster replications are on all cores.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from vmlitmus.decide.workers import spread
from vmlitmus.litmus import Catalogue
from vmlitmus.simulation.measures.figures import Figures
from vmlitmus.simulation.measures.statistics import of_mean
from vmlitmus.simulation.replications import Replications
from vmlitmus.simulation.simulate import prepared

CONFIDENCE = 0.99
ROUNDS = 4


def ours(name: str, timing: dict[str, str], **machine: int) -> tuple[Replications, Figures]:
    """Return the first cell of a test, compiled; ``timing`` and ``machine`` are what it changes."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    tables = {**cells[0].tables, "machine": {**cells[0].tables.get("machine", {}), **machine}}
    times = {**cells[0].timing, **timing}
    cell = replace(cells[0], tables=tables, timing=times, large=True)
    ready = prepared(catalogue.model_of(test.topic), test, cell)
    runs = Replications(ready.rules, ready.measures, replace(ready.run, warm_up=0), "compiled")
    return runs, Figures(ready.measures, runs.plan, CONFIDENCE)


def compare(
    title: str,
    system: tuple[Replications, Figures],
    measure: str,
    twin: Callable[[int], tuple[int, Sequence[float]]],
    many: int,
) -> float:
    """Print both speeds, and what both found; return the ratio of events a second."""
    runs, figures = system
    runs.more(2, workers=1)
    events = spent = peer_events = peer_spent = 0.0
    values: list[float] = []
    done = len(runs.counted)
    for turn in range(ROUNDS):
        began = time.process_time()
        runs.more(many, workers=1)
        spent += time.process_time() - began
        began = time.process_time()
        steps, found = twin(turn)
        peer_spent += time.process_time() - began
        peer_events += steps
        values += found
    events = sum(counted.events for counted in runs.counted[done:])
    figure = next(m for m in figures.measured(runs.counted) if m.name == measure).figures[0]
    peer = of_mean(values, CONFIDENCE)
    ratio = (events / spent) / (peer_events / peer_spent)
    print(f"{title}: {events / spent:,.0f} events/s, SimPy {peer_events / peer_spent:,.0f}")
    found = f"{figure.low:.6g} .. {figure.high:.6g}"
    print(f"  {measure}: {found}, SimPy {peer.low:.6g} .. {peer.high:.6g}")
    if figure.low > peer.high or peer.low > figure.high:
        sys.exit(f"{title}: the two do not agree")
    return ratio


def flush(turn: int) -> tuple[int, list[float]]:
    from twins.simpy_systems import Flush

    steps, found = 0, []
    for seed in range(10):
        system = Flush(8, 3, 100 * turn + seed)
        system.env.run(until=400_000_000)
        steps += system.steps
        found += [time / 1e9 for time in system.reclaims]
    return steps, found


def noise(turn: int) -> tuple[int, list[float]]:
    from twins.simpy_systems import Noise

    steps, found = 0, []
    for seed in range(4):
        system = Noise(100 * turn + seed)
        system.env.run(until=1_000_000_000)
        steps += system.steps
        found.append(system.share())
    return steps, found


def on_all_cores(runs: Replications) -> None:
    """Print how much faster replications are on all cores: by processor time, and by the clock.

    The first is what other programs leave alone: the time of one process over that of the worker
    that had most to do.
    """
    cores = len(os.sched_getaffinity(0))
    parts = [range(at, at + 50) for at in range(0, 2000, 50)]
    alone, clock = time.process_time(), time.monotonic()
    for number in range(2000):
        runs.one(number)
    alone, clock = time.process_time() - alone, time.monotonic() - clock

    def timed(part: range) -> tuple[int, float]:
        began = time.process_time()
        for number in part:
            runs.one(number)
        return os.getpid(), time.process_time() - began

    spent: dict[int, float] = {}
    began = time.monotonic()
    for _, (worker, seconds) in spread(timed, parts, workers=cores):
        spent[worker] = spent.get(worker, 0.0) + seconds
    together = time.monotonic() - began
    each = ", ".join(f"{seconds:.1f}" for seconds in spent.values())
    print(
        f"2000 runs: {alone:.1f} s of processor time in one process, {each} s in {cores} workers:"
    )
    print(f"  {alone / max(spent.values()):.2f} times as fast; by the clock {clock / together:.2f}")


def main() -> None:
    try:
        import simpy  # noqa: F401
    except ImportError:
        print("simpy is not installed (pip install simpy): skipped")
        return
    first = ours("flush-all-online-in-time", {}, cores=8)
    second = ours("noise-takes-from-a-vcpu-in-time", {"noise": "400 /s", "wake": "2 us"})
    ratios = [
        compare("flush with 8 cpus", first, "a reclaim", flush, 400),
        compare("SMT Protection with noise", second, "the vcpu runs", noise, 200),
    ]
    if "--cores" in sys.argv:
        on_all_cores(second[0])
    print(f"{min(ratios):.1f}")


if __name__ == "__main__":
    main()
