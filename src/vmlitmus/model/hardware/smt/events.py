"""Events other than interrupts at an idle sibling: SMI, INIT and SIPI; and the ICR's own use.

An SMI wakes a cpu for its handler, in SMM, and RSM takes it back to where it was: the kernel sees
nothing of it. An SMI that meets a cpu that executes anyway changes nothing here. INIT and SIPI
bring an offline cpu back. An IPI that a cpu has sent itself may still be in its ICR when it goes
idle.

Not modelled: INIT at a cpu that is online; SMIs at a vcpu's own cpu.
Source: APM vol. 2, chapter 10 (SMM) and 15.36.17; arch/x86/kernel/smpboot.c.
"""

from __future__ import annotations

from vmlitmus.lang import Apm, KernelFile, World, step, when
from vmlitmus.model.hardware.smt.protection import has_event, held
from vmlitmus.model.hardware.smt.readings import ICR_BUSY_WAITS, INIT_IS_HELD, SMI_IS_HELD
from vmlitmus.model.kvm.smt_protection.mechanism import SmtMechanism
from vmlitmus.world.smt_protection import Activity, Cpu, Event, Vcpu

SMM = Apm("10.3")
APIC = Apm("16.5")
ONLINE = KernelFile("kernel/cpu.c", "cpuhp_online_idle()", "7.2.8")
INIT_SIPI = KernelFile("arch/x86/kernel/smpboot.c", "do_boot_cpu()", "7.2.8")
WITHOUT_INSTRUCTIONS = (
    Activity.HLT,
    Activity.C2,
    Activity.MWAIT,
    Activity.C6,
    Activity.OFFLINE,
)


@step("an SMI for {cpu} becomes pending", source=SMI_IS_HELD, disturbance="smi")
def smi(w: World, cpu: Cpu) -> None:
    when(not any(v.cpu is cpu for v in w.all(Vcpu)))
    when(cpu.event == Event.NONE and cpu.activity in WITHOUT_INSTRUCTIONS)
    cpu.event = Event.SMI


@step("{cpu} enters SMM for its SMI", source=(SMM, SMI_IS_HELD), fair="weak")
def take_smi(w: World, cpu: Cpu) -> None:
    when(cpu.event == Event.SMI)
    if w.assume(SMI_IS_HELD):
        when(not held(w, cpu))
    cpu.event = Event.NONE
    if cpu.activity in WITHOUT_INSTRUCTIONS:
        cpu.before_smm = cpu.activity
        cpu.activity = Activity.SMM


@step("{cpu} executes RSM and returns to {cpu.before_smm}", source=SMM, fair="weak")
def resume_from_smm(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.SMM)
    cpu.activity = cpu.before_smm
    cpu.before_smm = Activity.HLT


@step("{cpu} is sent INIT and SIPI", source=INIT_SIPI, disturbance="hotplug")
def bring_up(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.OFFLINE and cpu.event == Event.NONE)
    cpu.event = Event.INIT


@step("{cpu} comes online", source=(ONLINE, INIT_IS_HELD), fair="weak")
def come_online(w: World, cpu: Cpu) -> None:
    when(cpu.event == Event.INIT)
    if w.assume(INIT_IS_HELD):
        when(not held(w, cpu))
    cpu.event = Event.NONE
    w.use(SmtMechanism).online(w, cpu)
    cpu.activity = Activity.IDLE_LOOP
    cpu.need_resched = True


@step(
    "{cpu} goes idle while its own IPI is in the ICR", source=ICR_BUSY_WAITS, disturbance="icr-busy"
)
def leave_icr_busy(w: World, cpu: Cpu) -> None:
    when(cpu.activity == Activity.ENTERING and not cpu.icr_busy)
    when(not any(v.cpu is cpu for v in w.all(Vcpu)))
    cpu.icr_busy = True


@step(
    "the IPI that {cpu} sent is delivered, and its ICR is free",
    source=(APIC, ICR_BUSY_WAITS),
    fair="weak",
)
def icr_delivers(w: World, cpu: Cpu) -> None:
    when(cpu.icr_busy)
    if not w.assume(ICR_BUSY_WAITS):  # a write that is dropped is as good as an ICR that stays busy
        when(not (has_event(cpu) and held(w, cpu)))
    cpu.icr_busy = False
