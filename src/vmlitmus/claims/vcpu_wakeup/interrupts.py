"""Whether an interrupt that was sent to a vcpu is seen: in the guest, and asleep."""

from __future__ import annotations

from vmlitmus.claims.vcpu_wakeup.requests import all_returned
from vmlitmus.lang import KernelFile, World, condition
from vmlitmus.world.vcpu_wakeup import Backing, Cpu, Device, GaLog, Host, Vcpu

DELIVER = KernelFile("arch/x86/kvm/vmx/common.h", "__vmx_deliver_posted_interrupt()", "7.2.8")
SET_INHIBIT = KernelFile("arch/x86/kvm/x86.c", "__kvm_set_or_clear_apicv_inhibit()", "7.2.8")
GA_LOG = KernelFile("arch/x86/kvm/svm/avic.c", "avic_ga_log_notifier()", "7.2.8")
BACKING = KernelFile("arch/x86/kvm/svm/avic.c", "avic_init_backing_page()", "7.2.8")
ENABLE = KernelFile("arch/x86/kvm/vmx/posted_intr.c", "pi_enable_wakeup_handler()", "7.2.8")


def sent(w: World) -> bool:
    """Say whether nobody is in the middle of sending an interrupt."""
    return all_returned(w) and all(device.idle for device in w.all(Device))


def underway(w: World, vcpu: Vcpu) -> bool:
    """Say whether a cpu is about to do something for the vcpu."""
    here = vcpu.last
    if any(vcpu in log.tags for log in w.all(GaLog)):
        return True
    return any(cpu.wakeup or cpu.ipi for cpu in w.all(Cpu)) or here.notify or here.doorbell


def waits(vcpu: Vcpu) -> bool:
    """Say whether an interrupt waits in memory, in PID.PIR or in the vIRR."""
    return vcpu.pir or vcpu.virr


@condition(
    "posted-while-running", "an interrupt waits in memory while the vcpu runs", source=DELIVER
)
def posted_while_running(w: World) -> bool:
    return any(v.running and waits(v) for v in w.all(Vcpu))


@condition(
    "posted-while-sleeping", "an interrupt waits in memory while the vcpu sleeps", source=DELIVER
)
def posted_while_sleeping(w: World) -> bool:
    return any(v.sleeps and waits(v) for v in w.all(Vcpu))


@condition(
    "interrupt-unnoticed",
    "a vcpu is in the guest, an interrupt waits in memory, and nobody is about to tell it",
    source=DELIVER,
    backed_by=("posted-while-running",),
)
def interrupt_unnoticed(w: World) -> bool:
    return sent(w) and any(v.running and waits(v) and not underway(w, v) for v in w.all(Vcpu))


@condition(
    "sleeps-with-interrupt",
    "a vcpu sleeps, an interrupt waits in memory, and nobody is about to wake it",
    source=ENABLE,
    backed_by=("posted-while-sleeping",),
)
def sleeps_with_interrupt(w: World) -> bool:
    return sent(w) and any(v.sleeps and waits(v) and not underway(w, v) for v in w.all(Vcpu))


@condition(
    "interrupt-pending", "the guest has not taken an interrupt that was sent", source=DELIVER
)
def interrupt_pending(w: World) -> bool:
    return any(waits(v) or v.irr or v.injected for v in w.all(Vcpu))


@condition("interrupt-taken", "the guest has taken all interrupts", source=DELIVER)
def interrupt_taken(w: World) -> bool:
    return not any(waits(v) or v.irr or v.injected for v in w.all(Vcpu))


@condition("on-wakeup-list", "a vcpu is on a wakeup list", source=ENABLE)
def on_wakeup_list(w: World) -> bool:
    return any(len(cpu.wakeup_list) > 0 for cpu in w.all(Cpu))


@condition(
    "listed-twice",
    "a vcpu is put on a wakeup list while it is on one already, which corrupts the list",
    source=ENABLE,
    backed_by=("on-wakeup-list",),
)
def listed_twice(w: World) -> bool:
    return any(v.listed_twice for v in w.all(Vcpu))


@condition("avic-inhibited", "AVIC is inhibited", source=SET_INHIBIT)
def avic_inhibited(w: World) -> bool:
    return w.the(Host).inhibited


@condition(
    "runs-with-inhibited-avic",
    "a vcpu is in the guest with AVIC although it is inhibited, and no kick is on its way",
    source=SET_INHIBIT,
    backed_by=("avic-inhibited",),
)
def runs_with_inhibited_avic(w: World) -> bool:
    return w.the(Host).inhibited and any(v.running and v.active for v in w.all(Vcpu))


@condition(
    "entry-is-own",
    "each entry of the table of IPI targets names the vcpu that has the id",
    source=BACKING,
)
def entry_is_own(w: World) -> bool:
    return all(v.backing == Backing.OWN for v in w.all(Vcpu)) and not w.the(Host).stale_entry


@condition(
    "freed-vapic-page-written",
    "a sender's microcode sets a bit in the vAPIC page or the descriptor of a freed vcpu",
    source=BACKING,
)
def freed_page_written(w: World) -> bool:
    return w.the(Host).freed_written


@condition("vcpu-freed", "a vcpu was freed", source=GA_LOG)
def vcpu_freed(w: World) -> bool:
    return any(v.gone for v in w.all(Vcpu))


@condition(
    "freed-vcpu-woken",
    "the handler of the GA log uses a vcpu that was freed",
    source=GA_LOG,
    backed_by=("vcpu-freed",),
)
def freed_vcpu_woken(w: World) -> bool:
    return w.the(Host).gone_woken
