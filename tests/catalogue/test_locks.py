"""A lock of a model is held by one actor at a time, also where no claim would tell.

Each of these locks was taken, or dropped, for somebody else once. Where that made a verdict wrong,
a test of the catalogue with two tasks says so: ``two-asids``, ``create-vcpu-waits-for-kvm-run``,
``populate-while-a-fault-fills-the-hole``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import vmlitmus

MODEL = """from __future__ import annotations
from dataclasses import replace
from vmlitmus.lang import Assumption, World, condition
from MODULE import MODEL as TOPIC
from WORLD import Task, Vcpu

@condition("held-twice", "two actors hold the lock", source=Assumption("a", "a test"))
def held_twice(w: World) -> bool:
    return HELD_TWICE

MODEL = replace(TOPIC, conditions=(*TOPIC.conditions, held_twice))
"""
LITMUS = """topic = "TOPIC"
question = "Is the lock held twice?"
source = "a test"
because = "a test"
decided_by = "model"
expect = "holds"
TABLES
[claim]
never = "held-twice"
"""
LOCKS = {
    "mmu_lock of a zap": (
        "vcpu-wakeup",
        "vmlitmus.model.kvm.vcpu_wakeup.topic",
        "vmlitmus.world.vcpu_wakeup",
        'sum(1 for t in w.all(Task) if t.stands_at("{task} takes mmu_lock")) > 1',
        "[machine]\ntasks = 2\n[environment]\nallow = ['zap', 'walk']\n",
    ),
    "vcpu->mutex in LAUNCH_FINISH": (
        "ap-creation",
        "vmlitmus.model.kvm.ap_creation.topic",
        "vmlitmus.world.snp",
        "any(v.held and not v.idle for v in w.all(Vcpu))",
        "[target]\nin_kvm_run = false\n[vmm]\nlaunch = 'to-come'\ntasks = 1\n"
        "[environment]\nallow = ['launch-finish', 'get-mp-state']\n",
    ),
    "slots_lock of KVM_CLEAR_DIRTY_LOG": (
        "dirty-log",
        "vmlitmus.model.kvm.dirty_log.topic",
        "vmlitmus.world.dirty_log.userspace",
        'sum(1 for t in w.all(Task) if t.stands_at("{task} is in KVM_CLEAR_DIRTY_LOG with '
        'slots_lock")) > 1',
        "[machine]\ntasks = 2\n[vmm]\nlog = 'get-and-clear'\n"
        "[environment]\nallow = ['kvm-write']\n",
    ),
    "mmu_lock of a fault and of the log": (
        "dirty-log",
        "vmlitmus.model.kvm.dirty_log.topic",
        "vmlitmus.world.dirty_log.userspace",
        'any(v.mmu_lock for v in w.all(Vcpu)) and any(t.stands_at("{task} takes mmu_lock for '
        'writing") for t in w.all(Task))',
        "[environment]\nallow = ['guest-write', 'kvm-write', 'zap']\n",
    ),
    "mmu_lock of a zap and of the log": (
        "dirty-log",
        "vmlitmus.model.kvm.dirty_log.topic",
        "vmlitmus.world.dirty_log.userspace",
        'any(t.stands_at("{task} takes mmu_lock for writing") for t in w.all(Task)) and '
        'any(t.stands_at("{task} zaps {page} under mmu_lock and makes its request to flush '
        'TLBs") for t in w.all(Task))',
        "[machine]\ntasks = 2\n[environment]\nallow = ['guest-write', 'kvm-write', 'zap']\n",
    ),
}


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_has_one_owner(lock: str, tmp_path: Path) -> None:
    topic, module, world, held_twice, tables = LOCKS[lock]
    model, litmus = tmp_path / "model.py", tmp_path / "lock.toml"
    text = MODEL.replace("MODULE", module).replace("WORLD", world)
    model.write_text(text.replace("HELD_TWICE", held_twice))
    litmus.write_text(LITMUS.replace("TOPIC", topic).replace("TABLES", tables))
    found = vmlitmus.check(vmlitmus.load(litmus, model=model))
    assert [str(outcome.result.verdict) for outcome in found if outcome.result] == ["holds"]
