"""What code leaves in L1D and in the buffers of a cpu, and what clears it.

L1D is one for a core; a flush on either thread empties it. The buffers are partitioned: each
thread has its own, and what is in the part of a thread that goes idle becomes visible to its
sibling. L1D_FLUSH of the microcode also clears the buffers of its thread.

Not modelled: single lines, the software flush of L1D, buffers that both threads share while both
run (MFBDS, MLPDS): for these ask who runs beside whom. Source:
Documentation/admin-guide/hw-vuln/l1tf.rst, mds.rst; tsa.rst.
"""

from __future__ import annotations

from vmlitmus.lang import World
from vmlitmus.model.hardware.predictor import follows, train
from vmlitmus.world.domain_switch import Cpu, Domain, Follow, Host, Rank, beside


def execute(w: World, cpu: Cpu, domain: Domain) -> None:
    """A domain begins to execute: it trains, and leaves its data behind."""
    cpu.running = domain
    train(w, cpu, domain)
    touch(w, cpu, domain)


def touch(w: World, cpu: Cpu, domain: Domain) -> None:
    """Data of a domain comes into L1D and the buffers of a cpu."""
    if follows(w, Follow.L1D):
        cpu.l1d.add(domain)
    if follows(w, Follow.BUFFERS):
        cpu.buffers.add(domain)


def host_touches(w: World, cpu: Cpu) -> None:
    """The kernel handles data that no guest may see."""
    for domain in w.all(Domain):
        if domain.rank == Rank.KERNEL:
            touch(w, cpu, domain)


def flush_l1d(w: World, cpu: Cpu) -> None:
    """L1D_FLUSH: the L1D of the core, and the buffers of this thread; the sibling refills it."""
    if follows(w, Follow.L1D):
        for other in w.all(Cpu):
            if other.core is cpu.core:
                other.l1d.clear()
                if other is not cpu and other.running is not None:
                    other.l1d.add(other.running)
    verw(w, cpu)


def verw(w: World, cpu: Cpu) -> None:
    """VERW: clears the buffers of this thread."""
    if follows(w, Follow.BUFFERS):
        cpu.buffers.clear()


def goes_idle(w: World, cpu: Cpu) -> None:
    """The idle loop: VERW where it is switched on; then the sibling gets this thread's part."""
    if follows(w, Follow.BUFFERS):
        if w.the(Host).idle_clear:
            cpu.buffers.clear()
        for other in w.all(Cpu):
            if beside(cpu, other):
                for domain in w.all(Domain):
                    if domain in cpu.buffers:
                        other.buffers.add(domain)
