"""The claims that an audit judges, by name."""

from __future__ import annotations

CLAIMS = {
    "NO_SMT": "no core of the host has two cpus online",
    "KVM_HINT_TRUE": "bit 18 of Hyper-V leaf 0x40000004, as KVM reports it here, is true",
    "SPLIT_LOCK_GUEST_LIVES": "no guest is ended by the host for a split lock of its own",
    "SPLIT_LOCK_SLOWED": "no guest locks the bus twice with nothing to slow it down in between",
    "SPLIT_LOCK_NEIGHBOUR_SEEN": "no guest locks the bus unseen because of another tenant",
    "FIXES_COMPLETE": "this kernel has every fix of vmlitmus audit kernel that concerns it",
    "NO_NON_ARCH_CORE_SHARING": "vcpus that are no siblings in the guest never run on one core",
    "ACCURATE_TOPOLOGY": "siblings in the guest run on one core of the host",
    "ACCURATE_TOPOLOGY_CONVERSE": "vcpus placed on one core of the host are siblings in the guest",
    "HINT_TRUE": "what hv-no-nonarch-coresharing tells the guest is true",
    "OWN_VCPUS_APART": "no two vcpus of the VM run on one core at a time",
    "OTHER_VMS_APART": "no vcpu of another VM runs beside a vcpu on its core",
    "VMM_THREADS_APART": "no other thread of its VMM runs beside a vcpu on its core",
    "HOST_TASKS_APART": "no host task runs beside a vcpu on its core",
    "COOKIE_COVERAGE": "every vcpu has a cookie that nobody outside of its VM has",
    "PINNING_AS_CONFIGURED": "vcpus may run where their configuration says, and nowhere else",
    "SNP_FORBIDS_SMT": "the SNP policy lets the guest run only on a host with SMT off",
    "SMT_PROTECTION": "SMT Protection is in force for the guest",
}
HOST = tuple(CLAIMS)[:6]
TRUST = ("vm", "uid", "none")
FACTS = {
    "NO_NON_ARCH_CORE_SHARING": "not-NO_NON_ARCH_CORE_SHARING",
    "ACCURATE_TOPOLOGY": "not-ACCURATE_TOPOLOGY",
    "ACCURATE_TOPOLOGY_CONVERSE": "not-ACCURATE_TOPOLOGY_CONVERSE",
    "OWN_VCPUS_APART": "own-vcpu-beside-vcpu",
}
