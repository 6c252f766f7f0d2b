"""Flush policies, a file each: which cpus write back their caches, for which guest.

``POLICIES`` names them as ``kvm.cache_flush`` of a litmus file does. A new policy is a file beside
this one, and a line here.
"""

from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy
from vmlitmus.model.registered import registered

POLICIES = registered(
    FlushPolicy,
    "vmlitmus.model.kvm.cache_flush",
    {
        "ever-ran": "policies.ever_ran.EverRan",
        "ever-loaded": "policies.ever_ran.EverLoaded",
        "ever-ran-late": "policies.ever_ran.EverRanLate",
        "ever-exited": "policies.ever_ran.EverExited",
        "all-online": "policies.all_online.AllOnlineCpus",
        "none": "policy.FlushPolicy",
        "v1": "policies.cleared_after.ClearedAfterFlush",
        "v3": "policies.test_and_clear.TestAndClear",
        "v2": "policies.test_and_clear.LateSet",
        "wished": "policies.wished.Wished",
        "wished-at-load": "policies.wished.WishedAtLoad",
        "self-clearing": "policies.wished.SelfClearing",
        "at-exit": "policies.at_exit.AtExit",
    },
)
