"""Cpus that go and come, the locks that it takes, and who waits for them."""

from __future__ import annotations

from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Host, Vcpu, Writer

BOOT = KernelFile("arch/x86/kernel/smpboot.c", "do_boot_cpu()", "7.2.8")
STORE = KernelFile("drivers/base/core.c", "online_store()", "7.2.8")
IOCTL = KernelFile("virt/kvm/kvm_main.c", "kvm_vcpu_ioctl()", "7.2.8")


@condition("bring-up-waits", "a cpu was sent INIT and SIPI and is not online yet", source=BOOT)
def bring_up_waits(w: World) -> bool:
    return any(cpu.event == Event.INIT for cpu in w.all(Cpu))


@condition("bring-up-done", "no cpu that was sent INIT and SIPI is still offline", source=BOOT)
def bring_up_done(w: World) -> bool:
    return not any(cpu.event == Event.INIT for cpu in w.all(Cpu))


@condition("sibling-online", "a cpu without a vcpu of its own is online", source=STORE)
def sibling_online(w: World) -> bool:
    return any(
        cpu.activity != Activity.OFFLINE and not any(v.cpu is cpu for v in w.all(Vcpu))
        for cpu in w.all(Cpu)
    )


@condition(
    "online-file-waits", 'a write to the file "online" of a cpu has not returned yet', source=STORE
)
def online_file_waits(w: World) -> bool:
    return any(writer.cpu is not None for writer in w.all(Writer))


@condition(
    "online-file-done", 'every write to the file "online" of a cpu has returned', source=STORE
)
def online_file_done(w: World) -> bool:
    return all(writer.cpu is None for writer in w.all(Writer))


@condition("ioctl-waits", "an ioctl waits for vcpu->mutex", source=IOCTL)
def ioctl_waits(w: World) -> bool:
    return any(v.ioctl for v in w.all(Vcpu))


@condition("ioctl-done", "no ioctl waits for vcpu->mutex", source=IOCTL)
def ioctl_done(w: World) -> bool:
    return not any(v.ioctl for v in w.all(Vcpu))


@condition(
    "hotplug-locks-free",
    "no task holds device_hotplug_lock, the mutex of a cpu's device or cpu_add_remove_lock",
    source=STORE,
)
def hotplug_locks_free(w: World) -> bool:
    host = w.the(Host)
    held = host.device_hotplug_lock or host.cpu_add_remove_lock
    return not held and not any(cpu.dev_mutex for cpu in w.all(Cpu))
