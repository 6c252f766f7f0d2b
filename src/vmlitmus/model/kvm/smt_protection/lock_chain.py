"""Who else takes the locks of the hot-unplug path: a write to a cpu's file "online", an ioctl.

online_store() takes device_hotplug_lock, then as remove_cpu() and add_cpu() do the mutex of the
device and cpu_add_remove_lock. It does not queue for the first: lock_device_hotplug_sysfs() tries,
sleeps 5 ms and lets the system call start again. Another thread's ioctl on a vcpu needs
vcpu->mutex, which KVM_RUN holds until it returns to its VMM, so the VMM first makes it return by a
signal.

Not modelled: writes for cpus that have vcpus, but for those of the last vcpu; SMT control; suspend.
Source: drivers/base/core.c, drivers/base/cpu.c; kvm_vcpu_ioctl() in virt/kvm/kvm_main.c.
"""

from __future__ import annotations

from vmlitmus.lang import KernelFile, Sections, World, sequence, step, when
from vmlitmus.model.hardware.smt.readings import INIT_IS_HELD
from vmlitmus.model.kvm.smt_protection.hot_unplug import (
    can_die,
    die,
    in_run_loop,
    unlock_hotplug,
    wake_hotplug_task,
)
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Host, Vcpu, Write, Writer

STORE = KernelFile("drivers/base/core.c", "online_store()", "7.2.8")
TRY = KernelFile("drivers/base/core.c", "lock_device_hotplug_sysfs()", "7.2.8")
IOCTL = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_ioctl()", "7.2.8")


@step('{writer} writes {what} to the file "online" of {cpu}', source=STORE, disturbance="online")
def write(w: World, writer: Writer, cpu: Cpu, what: Write) -> None:
    when(writer.cpu is None and cpu.index > 0)
    when((what == Write.ON) == (cpu.activity == Activity.OFFLINE))
    writer.cpu = cpu
    writer.what = what


@sequence(source=(STORE, TRY, INIT_IS_HELD), fair="weak")
def online_store(w: World, writer: Writer, cpu: Cpu) -> Sections:
    when(writer.cpu is cpu and not w.the(Host).device_hotplug_lock)
    w.the(Host).device_hotplug_lock = True
    yield "{writer} tries device_hotplug_lock again and gets it"
    when(not cpu.dev_mutex)
    cpu.dev_mutex = True
    yield "{writer} holds the mutex of {cpu}'s device"
    when(not w.the(Host).cpu_add_remove_lock)
    w.the(Host).cpu_add_remove_lock = True
    if writer.what == Write.OFF:
        wake_hotplug_task(cpu)
    yield "{writer} holds cpu_add_remove_lock"
    if writer.what == Write.OFF:
        when(can_die(w, cpu) and not in_run_loop(w, cpu))
        die(cpu)
    else:
        when(cpu.activity != Activity.OFFLINE or cpu.event == Event.NONE)
        if cpu.activity == Activity.OFFLINE:
            cpu.event = Event.INIT
        yield "{writer} brings {cpu} up by INIT and SIPI"
        when(cpu.activity != Activity.OFFLINE)
    unlock_hotplug(w)
    writer.cpu = None
    yield "{writer} releases the locks"


@step(
    "{vcpu} gets a signal, because another ioctl needs its vcpu->mutex",
    source=IOCTL,
    disturbance="ioctl",
)
def ask_for_mutex(w: World, vcpu: Vcpu) -> None:
    when(not vcpu.ioctl)
    vcpu.ioctl = True
    if vcpu.cpu.irqs_off:
        vcpu.cpu.irq = True


@step(
    "{vcpu} has returned from KVM_RUN, and the other ioctl has its mutex", source=IOCTL, fair="weak"
)
def take_mutex(w: World, vcpu: Vcpu) -> None:
    when(vcpu.ioctl and vcpu.idle)
    vcpu.ioctl = False
