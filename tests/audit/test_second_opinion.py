"""The model's answers against set arithmetic, and small scenarios against whole hosts.

The arithmetic is the rule as a person would write it down; the whole host is the model with every
core of it, without leaving any out.
"""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from vmlitmus.audit.lifted.ask import decide, ends, now
from vmlitmus.audit.lifted.lift import HostCores, Lifted, Runner, _scenario, lift
from vmlitmus.outcome import Verdict

SHARING = "not-NO_NON_ARCH_CORE_SHARING"
CONVERSE = "not-ACCURATE_TOPOLOGY_CONVERSE"
ACCURATE = "not-ACCURATE_TOPOLOGY"
BESIDE = "other-vm-beside-vcpu"


@st.composite
def hosts(draw, most: int = 4):
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=most))
    cores, cpu = [], 0
    for size in sizes:
        cores.append(tuple((cpu + n, True) for n in range(size)))
        cpu += size
    return HostCores(tuple(cores), "on")


@st.composite
def cases(draw, most: int = 4, kind: str = "vcpu"):
    host = draw(hosts(most))
    cpus = sorted(host.online)
    sets = st.frozensets(st.sampled_from(cpus), min_size=1)
    cookies = draw(st.sampled_from([(0, 0), (0, 5), (5, 5), (5, 6)]))
    one = Runner(draw(sets), host.online, cookies[0])
    other = Runner(draw(sets), host.online, cookies[1], kind)
    return host, one, other


def meet(host: HostCores, one: Runner, other: Runner) -> bool:
    """Two cpus of one core, one for each, at one time."""
    return any(
        a in one.allowed and b in other.allowed
        for core in host.cores
        for (a, _), (b, _) in itertools.permutations(core, 2)
    )


def core_of(host: HostCores, cpu: int) -> int:
    return next(n for n, core in enumerate(host.cores) if any(c == cpu for c, _ in core))


def by_arithmetic(host: HostCores, one: Runner, other: Runner, condition: str) -> bool:
    """Return whether the claim is true."""
    mine = {core_of(host, cpu) for cpu in one.allowed}
    theirs = {core_of(host, cpu) for cpu in other.allowed}
    if condition in (SHARING, BESIDE):
        return one.cookie != other.cookie or not meet(host, one, other)
    if condition == CONVERSE:
        return not mine & theirs
    return len(mine | theirs) == 1


@given(cases(), st.sampled_from([SHARING, CONVERSE]))
@settings(max_examples=60, deadline=None)
def test_claims_about_vcpus_that_are_no_siblings(case, condition) -> None:
    host, one, other = case
    verdict, _ = now(lift(host, (one, other)), condition, ())
    assert (verdict is Verdict.HOLDS) == by_arithmetic(host, one, other, condition)


@given(cases())
@settings(max_examples=40, deadline=None)
def test_siblings_on_one_core(case) -> None:
    host, one, other = case
    verdict, _ = now(lift(host, (one, other), siblings=True), ACCURATE, ())
    assert (verdict is Verdict.HOLDS) == by_arithmetic(host, one, other, ACCURATE)


@given(cases(kind="other-vm"))
@settings(max_examples=40, deadline=None)
def test_neighbours(case) -> None:
    host, one, other = case
    verdict, run = now(lift(host, (one, other)), BESIDE, ("other-vm",))
    assert (verdict is Verdict.HOLDS) == by_arithmetic(host, one, other, BESIDE)
    assert bool(run) == (verdict is Verdict.VIOLATED)


@given(cases(most=3), st.sampled_from(["hotplug", "repinning", "smt-control", "cookies"]))
@settings(max_examples=25, deadline=None)
def test_few_cores_stand_for_all(case, event) -> None:
    """An action ends a claim on the few cores if and only if it does on the whole host."""
    host, one, other = case
    if sum(map(len, host.cores)) > 6 or not by_arithmetic(host, one, other, SHARING):
        return
    small = ends(lift(host, (one, other), events=True), SHARING, (), (event,))
    whole = _scenario(host.smt, host.cores, (one, other), False, "off")
    verdict = decide(whole, SHARING, (event,)).verdict
    assert (verdict is Verdict.VIOLATED) == bool(small.sets)


def test_a_run_names_the_cpus_of_the_host() -> None:
    host = HostCores((((0, True), (48, True)), ((1, True), (49, True))), "on")
    one, other = Runner(frozenset({1}), host.online), Runner(frozenset({49}), host.online)
    verdict, run = now(lift(host, (one, other)), SHARING, ())
    assert verdict is Verdict.VIOLATED
    assert run == ("vcpu0 enters the guest on cpu 1", "vcpu1 enters the guest on cpu 49")


def test_many_kinds_of_core_are_tried_two_at_a_time() -> None:
    """Nine kinds of core, and the two meet on the last one only."""
    cores = tuple(tuple((4 * n + t, True) for t in range(4)) for n in range(10))
    host = HostCores(cores, "on")
    ones = frozenset(4 * n + t for n in range(9) for t in range(4) if n + 1 >> t & 1)
    last = cores[9]
    one = Runner(ones | {last[0][0]}, host.online)
    other = Runner(frozenset({last[1][0]}), host.online)
    found = lift(host, (one, other))
    assert len(found) > 1
    assert all(isinstance(one, Lifted) for one in found)
    assert now(found, SHARING, ())[0] is Verdict.VIOLATED
    alone = Runner(ones, host.online)
    assert now(lift(host, (alone, other)), SHARING, ())[0] is Verdict.HOLDS
