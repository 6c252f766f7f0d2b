"""Published observations of SMT, exits, IPIs and flushes, each with its tolerance."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from asking import Asked
from queues import workshop
from smt_core import broadcast, host

from vmlitmus.litmus import Catalogue
from vmlitmus.outcome.simulated import Measured
from vmlitmus.simulation.laws.timing import read_timing
from vmlitmus.simulation.measures.figures import Figures
from vmlitmus.simulation.replications import Replications
from vmlitmus.simulation.simulate import prepared, timings_of

CATALOGUE = Catalogue(in_time=True)


def simulated(name: str, runs: int = 4, **timing: str) -> dict[str, Measured]:
    """Return what is measured of a cell of the catalogue, with other times."""
    test = next(t for t in CATALOGUE.tests() if any(c.name == name for c in t.cells))
    cell = next(c for c in test.cells if c.name == name)
    ready = prepared(
        CATALOGUE.model_of(test.topic), test, replace(cell, timing={**cell.timing, **timing})
    )
    done = Replications(ready.rules, ready.measures, ready.run, "compiled")
    done.more(runs, workers=1)
    found = Figures(ready.measures, done.plan, 0.99).measured(done.counted)
    return {m.name: m for m in found}


def figure(found: dict[str, Measured], name: str) -> float:
    return found[name].figures[0].estimate


def values(topic: str, timing: str) -> dict[str, float]:
    """Return the parameters of a timing, in nanoseconds where they are times."""
    return read_timing(timings_of(topic)[timing]).values({}, {})


@pytest.mark.parametrize("wake", ["2 us", "400 us"])
def test_one_lost_tick_explains_the_recorded_stall(wake: str) -> None:
    """A guest that stalled after 15,006 ticks: with that chance for each tick 63 % have stalled
    after so many, and none has where the event stays queued, however noisy the sibling."""
    lost = simulated(f"stall-as-recorded-in-time[wake={wake}]", 40)["lost within 60 s"].figures[0]
    assert lost.low < 1 - (1 - 1 / 15_006) ** 15_006 < lost.high
    assert lost.high - lost.low < 0.4
    kept = simulated("timer-kept-in-time[mechanism=rendezvous,noise=1000 /s]", 2)
    assert figure(kept, "lost") == 0


def test_an_idle_sibling_is_not_forced_idle() -> None:
    """2 cpus, 2 vcpus, one busy: 117.8 s idle of 123.9 s used, and 0.2 ms of that forced."""
    found = simulated("one-busy-vcpu-in-time")
    assert 1 - figure(found, "the other vcpu runs") == pytest.approx(117.8 / 123.9, abs=0.005)
    assert figure(found, "a cpu is ever forced idle") == 0


def test_load_on_a_sibling_halves_a_vcpu_and_idles_its_twin() -> None:
    """ESMTP: both vcpus at 100 %; a task on one sibling leaves half to both."""
    assert figure(simulated("esmtp-alone-in-time"), "one vcpu") > 0.99
    found = simulated("esmtp-beside-load-in-time[tick=1 ms]", 10)
    assert figure(found, "the vcpu beside the task") == pytest.approx(0.5, abs=0.05)
    assert figure(found, "its twin") == pytest.approx(0.5, abs=0.05)


def test_core_scheduling_loses_to_smt_off_with_few_threads() -> None:
    """Two vcpus of two tenants on two cores: a core each with SMT off, one core for both with it
    on and core scheduling, where they are pinned by the numbers of the cpus."""
    off = figure(simulated("smt-off-in-time[cores=2,vcpus=2]"), "work done")
    both = simulated("core-of-two-tenants-apart-in-time")
    assert figure(both, "the first vcpu runs") < 0.55
    assert off > 1.9 * values("smt-protection", "noise")["work"] * 1e9


def often_halted(vcpus: int, works: str, **host: Any) -> float:
    """Return how long the first of some vcpus runs, one a tenant, on one core: each works for a
    while, then halts until its next timer."""
    test = next(t for t in CATALOGUE.tests() if t.name == "one-busy-vcpu-in-time")
    (cell,) = test.cells
    tables = {
        **cell.tables,
        "host": {**cell.tables["host"], **host},
        "guest": {**cell.tables["guest"], "vcpus": vcpus, "vms": 2},
    }
    rows = [{"step": "guest_halt", "exponential": works}]
    cell = replace(cell, tables=tables, timing={**cell.timing, "time": rows})
    measures = ({"name": "runs", "share": "first-vcpu-runs"},)
    ready = prepared(CATALOGUE.model_of(test.topic), replace(test, measures=measures), cell)
    done = Replications(ready.rules, ready.measures, ready.run, "compiled")
    done.more(4, workers=1)
    return Figures(ready.measures, done.plan, 0.99).measured(done.counted)[0].figures[0].estimate


@pytest.mark.parametrize(("works", "kept"), [("2 ms", 0.84), ("8 ms", 0.60)])
def test_two_groups_that_sleep_lose_more_than_with_smt_off(works: str, kept: float) -> None:
    """Published for two groups of mysql: 0.42 with core scheduling, 0.89 with SMT off: 0.47 of it.

    Who wakes up waits for the other one's tick, where SMT off leaves each a core of its own. What
    is kept falls with how long each works before it sleeps, and is never less than half, for forced
    idle takes no more. The published runs had 192 tasks a group, so that somebody always waited,
    and lose a little more than that: the model has no price for the lock that all picks of a core
    take.
    """
    alone = often_halted(1, works, smt=False)
    apart = often_halted(2, works)
    assert 0.5 < apart / alone < 1
    assert apart / alone == pytest.approx(kept, abs=0.05)


def throughput(load: float, smt_yield: float, threads: int) -> float:
    """Return the jobs a second of 8 cores; the load is in cores that work alone."""
    rows: list[dict[str, Any]] = [
        {"step": "come", "rate": f"{8 * load} /s"},
        {"step": "end_alone", "rate": "1 /s"},
    ]
    if threads == 2:
        rows.append({"step": "end_beside", "rate": f"{smt_yield / 2} /s"})
    asked = Asked(host(8, threads), rows, [{"rate": "come"}])
    return asked.found(asked.replications(1, 400, 50), 6)[0].figures[0].estimate


@pytest.mark.parametrize("smt_yield", [1.3, 1.43])
def test_one_thread_a_core_costs_30_percent_only_where_all_is_busy(smt_yield: float) -> None:
    """Up to 30 % on a saturated host, little at 75 % of that load."""
    saturated = [throughput(3, smt_yield, threads) for threads in (1, 2)]
    lost = 1 - saturated[0] / saturated[1]
    assert lost == pytest.approx(1 - 1 / smt_yield, abs=0.02)
    assert 0.2 < lost < 0.33
    partly = [throughput(0.75 * smt_yield, smt_yield, threads) for threads in (1, 2)]
    assert 1 - partly[0] / partly[1] < lost / 3


def exits(nanoseconds: float) -> float:
    """Return how many exits of so long a guest makes in a second that does nothing else."""
    rows = [
        {"step": "fail", "constant": "0 ns"},
        {"step": "repair", "constant": f"{nanoseconds} ns"},
    ]
    asked = Asked(workshop(1, 1), rows, [{"rate": "repair"}])
    return asked.found(asked.replications(1, 0.1), 3)[0].figures[0].estimate


def test_an_snp_exit_takes_3_plain_ones() -> None:
    """Measured 2.8 to 3.1: the exit of an SNP guest, with its #VC, against a plain one."""
    plain, snp = values("cache-flush", "flush")["exit"], values("ap-creation", "requests")["exit"]
    exception = 646.0
    assert 2.8 <= exits(plain) / exits(snp + exception) <= 3.1


def test_an_exit_to_userspace_takes_4_to_5_of_the_kernels() -> None:
    """VMX, in cycles: outl handled in the kernel 1391 to 1402, inl in QEMU 6209 to 6856."""
    assert 4 <= exits(1397) / exits((6209 + 6856) / 2) <= 5


@pytest.mark.parametrize(
    ("each", "whole"), [(2510.0, 198_000), (93_000 / 79, 93_000), (77_000 / 79, 77_000)]
)
def test_a_broadcast_is_one_ipi_after_the_other(each: float, whole: float) -> None:
    """198 us for 79 targets in physical mode is 79 times the 2.51 us that one takes; it is linear
    in their number with clusters (93 us) and by hypercall (77 us) as well."""
    found = {}
    for targets in (79, 158):
        rows = [{"step": "send", "constant": f"{each} ns"}]
        asked = Asked(broadcast(targets), rows, [{"latency": ["none-sent", "all-sent"]}])
        done = asked.replications(1, 0.001)
        done.more(2, workers=1)
        (found[targets],) = {c.latencies[0][0] for c in done.counted}
    assert found[79] == pytest.approx(whole, rel=0.01)
    assert found[158] == pytest.approx(2 * found[79], rel=0.001)


def test_a_kick_and_its_wait_differ_by_30_between_platforms() -> None:
    """6,000 to 190,000 cycles: what a DESTROY waits for, beyond what it costs anyhow."""
    waits = []
    for kick in ("2 us", "60 us"):
        found = simulated(f"destroy-running-in-time[kvm.kick=as-merged,timing.kick={kick}]")
        fixed = simulated(
            f"destroy-unawaited-in-time[without=let the kick honour KVM_REQUEST_WAIT,kick={kick}]"
        )
        waits.append(figure(found, "DESTROY") - figure(fixed, "DESTROY"))
    ipi = values("ap-creation", "requests")["ipi"] * 1e-9
    assert (waits[1] - ipi) / (waits[0] - ipi) == pytest.approx(30, rel=0.01)
    assert waits[0] == pytest.approx(6000 / 2.6e9, rel=0.5)
    assert waits[1] == pytest.approx(190_000 / 2.6e9, rel=0.5)


def test_idle_states_are_the_spread_of_a_kick() -> None:
    """A target that is in the guest, in C1 or in C6: a mixture reaches the factor 30."""
    mixed = {"choice": [
        {"weight": 8, "constant": "2 us"},
        {"weight": 1, "constant": "3 us"},
        {"weight": 1, "uniform": ["45 us", "75 us"]},
    ]}  # fmt: skip
    rows = [{"step": "fail", "constant": "1 us"}, {"step": "repair", **mixed}]
    asked = Asked(workshop(1, 1), rows, [{"latency": ["fail", "repair"]}])
    found = {f.name: f.estimate for f in asked.found(asked.replications(1, 1), 3)[0].figures}
    assert found["p50"] == pytest.approx(2e-6, rel=0.01)
    assert 25 <= found["p99"] / found["p50"] <= 40


def test_9000_flushes_are_9_seconds_on_each_cpu() -> None:
    """One boot with NUMA balancing: each flush of 1 ms stops every cpu once."""
    found = simulated(
        "flush-all-online-in-time[cache_flush=all-online,cores=4]",
        1,
        flush="1 ms",
        wake="1 ns",
        ipi="1 ns",
        reclaims="100 /s",
        horizon="35 ms",
    )
    each = figure(found, "stall of the guest")
    assert figure(found, "cpus that write back") == 4
    assert 9000 * each == pytest.approx(9.0, rel=0.01)
    share = figure(
        simulated("reclaim-storm-in-time[reclaims=100 /s]", 4, flush="1 ms", wake="1 us"),
        "lost to flushes",
    )
    assert 90 * share == pytest.approx(9.0, rel=0.02), "9000 flushes in 90 s"


def test_a_mask_of_8_of_128_cpus_is_a_sixteenth_of_the_flushes() -> None:
    found = simulated("flush-of-the-mask-in-time[cache_flush=ever-ran,cores=128,vcpus=8]", 2)
    assert figure(found, "cpus that write back") / 128 == 1 / 16


def test_wbnoinvd_is_never_slower_than_wbinvd() -> None:
    """Equal where nothing has to come back, slower by what has to where it has."""
    noinvd = simulated("wbinvd-or-wbnoinvd-in-time[refill=0 ns,dirty=0]", 2)
    wbinvd = simulated("wbinvd-or-wbnoinvd-in-time[refill=lines * 64 / 45,dirty=0]", 2)
    more = figure(wbinvd, "stall of the guest") - figure(noinvd, "stall of the guest")
    assert more == pytest.approx(40 * 1024 * 1024 / 45 * 1e-9, rel=0.01)
