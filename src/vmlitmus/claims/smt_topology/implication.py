"""Which fact implies which, at one moment: a state in which the first is true and the second not.

An implication that holds at every moment holds for ever; for one that fails, the tests of whole
configurations say whether it fails for ever as well.
"""

from __future__ import annotations

from vmlitmus.claims.smt_topology.facts import (
    THREAD,
    accurate,
    accurate_conversely,
    no_non_arch_core_sharing,
    no_smt,
)
from vmlitmus.lang import World, condition
from vmlitmus.world.smt_topology import Vcpu, Vm


def running(w: World) -> bool:
    """Both vcpus are in the guest: what is claimed of nothing that runs says nothing."""
    return all(vcpu.running for vcpu in w.all(Vcpu))


@condition(
    "NO_SMT-without-ACCURATE_TOPOLOGY",
    "while both vcpus run, NO_SMT is true and ACCURATE_TOPOLOGY is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def smt_without_accurate(w: World) -> bool:
    return running(w) and no_smt(w, w.the(Vm).host) and not accurate(w)


@condition(
    "NO_SMT-without-ACCURATE_TOPOLOGY_CONVERSE",
    "while both vcpus run, NO_SMT is true and ACCURATE_TOPOLOGY_CONVERSE is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def smt_without_converse(w: World) -> bool:
    return running(w) and no_smt(w, w.the(Vm).host) and not accurate_conversely(w)


@condition(
    "NO_SMT-without-NO_NON_ARCH_CORE_SHARING",
    "while both vcpus run, NO_SMT is true and NO_NON_ARCH_CORE_SHARING is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def smt_without_sharing(w: World) -> bool:
    return running(w) and no_smt(w, w.the(Vm).host) and not no_non_arch_core_sharing(w)


@condition(
    "ACCURATE_TOPOLOGY-without-NO_SMT",
    "while both vcpus run, ACCURATE_TOPOLOGY is true and NO_SMT is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def accurate_without_smt(w: World) -> bool:
    return running(w) and accurate(w) and not no_smt(w, w.the(Vm).host)


@condition(
    "ACCURATE_TOPOLOGY-without-ACCURATE_TOPOLOGY_CONVERSE",
    "while both vcpus run, ACCURATE_TOPOLOGY is true and ACCURATE_TOPOLOGY_CONVERSE is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def accurate_without_converse(w: World) -> bool:
    return running(w) and accurate(w) and not accurate_conversely(w)


@condition(
    "ACCURATE_TOPOLOGY-without-NO_NON_ARCH_CORE_SHARING",
    "while both vcpus run, ACCURATE_TOPOLOGY is true and NO_NON_ARCH_CORE_SHARING is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def accurate_without_sharing(w: World) -> bool:
    return running(w) and accurate(w) and not no_non_arch_core_sharing(w)


@condition(
    "ACCURATE_TOPOLOGY_CONVERSE-without-NO_SMT",
    "while both vcpus run, ACCURATE_TOPOLOGY_CONVERSE is true and NO_SMT is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def converse_without_smt(w: World) -> bool:
    return running(w) and accurate_conversely(w) and not no_smt(w, w.the(Vm).host)


@condition(
    "ACCURATE_TOPOLOGY_CONVERSE-without-ACCURATE_TOPOLOGY",
    "while both vcpus run, ACCURATE_TOPOLOGY_CONVERSE is true and ACCURATE_TOPOLOGY is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def converse_without_accurate(w: World) -> bool:
    return running(w) and accurate_conversely(w) and not accurate(w)


@condition(
    "ACCURATE_TOPOLOGY_CONVERSE-without-NO_NON_ARCH_CORE_SHARING",
    "while both vcpus run, ACCURATE_TOPOLOGY_CONVERSE is true and NO_NON_ARCH_CORE_SHARING is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def converse_without_sharing(w: World) -> bool:
    return running(w) and accurate_conversely(w) and not no_non_arch_core_sharing(w)


@condition(
    "NO_NON_ARCH_CORE_SHARING-without-NO_SMT",
    "while both vcpus run, NO_NON_ARCH_CORE_SHARING is true and NO_SMT is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def sharing_without_smt(w: World) -> bool:
    return running(w) and no_non_arch_core_sharing(w) and not no_smt(w, w.the(Vm).host)


@condition(
    "NO_NON_ARCH_CORE_SHARING-without-ACCURATE_TOPOLOGY",
    "while both vcpus run, NO_NON_ARCH_CORE_SHARING is true and ACCURATE_TOPOLOGY is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def sharing_without_accurate(w: World) -> bool:
    return running(w) and no_non_arch_core_sharing(w) and not accurate(w)


@condition(
    "NO_NON_ARCH_CORE_SHARING-without-ACCURATE_TOPOLOGY_CONVERSE",
    "while both vcpus run, NO_NON_ARCH_CORE_SHARING is true and ACCURATE_TOPOLOGY_CONVERSE is not",
    source=THREAD,
    backed_by=("both-vcpus-run",),
)
def sharing_without_converse(w: World) -> bool:
    return running(w) and no_non_arch_core_sharing(w) and not accurate_conversely(w)


@condition("both-vcpus-run", "all vcpus are in the guest at the same time", source=THREAD)
def both_run(w: World) -> bool:
    return running(w)
