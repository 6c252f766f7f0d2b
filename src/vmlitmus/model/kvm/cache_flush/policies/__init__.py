"""Flush policies, a file each: which cpus write back their caches, for which guest.

``POLICIES`` names them as ``kvm.cache_flush`` of a litmus file does.
"""

from vmlitmus.model.kvm.cache_flush.policies.all_online import AllOnlineCpus
from vmlitmus.model.kvm.cache_flush.policies.at_exit import AtExit
from vmlitmus.model.kvm.cache_flush.policies.cleared_after import ClearedAfterFlush
from vmlitmus.model.kvm.cache_flush.policies.ever_ran import (
    EverExited,
    EverLoaded,
    EverRan,
    EverRanLate,
)
from vmlitmus.model.kvm.cache_flush.policies.test_and_clear import LateSet, TestAndClear
from vmlitmus.model.kvm.cache_flush.policies.wished import SelfClearing, Wished, WishedAtLoad
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy

POLICIES = {
    "ever-ran": EverRan,
    "ever-loaded": EverLoaded,
    "ever-ran-late": EverRanLate,
    "ever-exited": EverExited,
    "all-online": AllOnlineCpus,
    "none": FlushPolicy,
    "v1": ClearedAfterFlush,
    "v3": TestAndClear,
    "v2": LateSet,
    "wished": Wished,
    "wished-at-load": WishedAtLoad,
    "self-clearing": SelfClearing,
    "at-exit": AtExit,
}
