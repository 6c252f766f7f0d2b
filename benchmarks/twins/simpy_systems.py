"""Two systems of the catalogue written by hand for SimPy: the same steps, counted in the same way.

Times are in nanoseconds, with the values that the timings ``flush`` and ``noise`` have.
"""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import simpy

IPI, EXIT, WAKE, STAYS, RECLAIM = 1000, 1200, 2000, 4_000_000, 100_000_000
LINES = 40 * 1024 * 1024 // 64
FLUSH = LINES + 0.1 * LINES * 64 / 20
MOVES = 10e-9 * STAYS  # how often the scheduler moves the thread after an exit
Steps = Generator[Any, Any, None]


class Flush:
    """A reclaimer whose flush goes to all cpus, two of which run a vcpu."""

    def __init__(self, cpus: int, pages: int, seed: int) -> None:
        self.env = simpy.Environment()
        self.chance = random.Random(seed)
        self.steps = 0
        self.reclaims: list[float] = []
        self.cpus, self.pages = cpus, pages
        self.in_guest = [False, False]
        self.running: list[Any] = [None, None]
        self.left = [self.env.event() for _ in range(2)]
        self.handled = [self.env.event() for _ in range(2)]
        self.targets: set[int] = set()
        self.wanted: set[int] = set()  # vcpus that are to leave as soon as they are in the guest
        self.all_handled = self.env.event()
        for number in range(2):
            self.running[number] = None
            self.env.process(self.vcpu(number))
        self.env.process(self.reclaimer())

    def vcpu(self, number: int) -> Steps:
        env = self.env
        self.steps += 1
        while True:
            if number in self.targets:
                yield self.handled[number]
            self.steps += 1
            self.in_guest[number] = True
            self.left[number] = env.event()
            yield env.timeout(EXIT // 2)
            self.steps += 2
            stays = env.timeout(self.chance.expovariate(1 / STAYS))
            kick = self.running[number] = env.event()
            if number not in self.wanted:
                yield stays | kick
            elif not kick.triggered:
                kick.succeed()
            self.wanted.discard(number)
            self.running[number] = None
            if kick.triggered:
                yield env.timeout(IPI + EXIT // 2)
            self.steps += 1
            self.in_guest[number] = False
            self.left[number].succeed()
            if not kick.triggered and self.chance.random() < MOVES:
                self.steps += 2

    def kick(self, number: int) -> None:
        kick = self.running[number]
        if kick is None:
            self.wanted.add(number)
        elif not kick.triggered:
            kick.succeed()

    def reclaimer(self) -> Steps:
        env = self.env
        for number in range(1, self.pages + 1):
            yield env.timeout(number * RECLAIM - env.now)
            began = env.now
            yield env.timeout(1000)
            inside = [vcpu for vcpu in range(2) if self.in_guest[vcpu]]
            for vcpu in inside:
                self.kick(vcpu)
            if inside:
                yield self.env.all_of([self.left[vcpu] for vcpu in inside])
            yield env.timeout(100)
            yield env.timeout(IPI)
            self.targets = set(range(self.cpus))
            self.all_handled = env.event()
            self.handled = [env.event() for _ in range(2)]
            for cpu in range(self.cpus):
                env.process(self.handler(cpu))
            yield self.all_handled
            self.steps += 8
            self.reclaims.append(env.now - began)

    def handler(self, cpu: int) -> Steps:
        if cpu < 2 and self.in_guest[cpu]:
            self.kick(cpu)
            yield self.left[cpu]
        yield self.env.timeout(FLUSH + self.chance.expovariate(1 / WAKE))
        self.steps += 1
        self.targets.discard(cpu)
        if cpu < 2:
            self.handled[cpu].succeed()
        if not self.targets:
            self.all_handled.succeed()


NOISE, BUSY, ENTRY, TRY = 400e-9, 7000, 1000, 333


class Noise:
    """A protected vcpu whose sibling idles, but for device interrupts."""

    def __init__(self, seed: int) -> None:
        self.env = simpy.Environment()
        self.chance = random.Random(seed)
        self.steps = self.failed = 0
        self.ran = 0.0
        self.began: float | None = None
        self.idle = False
        self.changed = self.env.event()
        self.kick: Any = None
        self.out = self.env.event()
        self.out.succeed()
        self.env.process(self.sibling())
        self.env.process(self.vcpu())

    def set_idle(self, idle: bool) -> None:
        self.idle = idle
        self.changed.succeed()
        self.changed = self.env.event()

    def sibling(self) -> Steps:
        env = self.env
        yield env.timeout(2000)
        self.steps += 1
        while True:
            yield env.timeout(ENTRY)
            yield env.timeout(100)
            self.steps += 2
            self.set_idle(True)
            yield env.timeout(self.chance.expovariate(NOISE))
            self.set_idle(False)
            yield env.timeout(100)
            self.steps += 2
            if self.kick is not None:
                self.kick.succeed()
            yield self.out
            yield env.timeout(WAKE)
            yield env.timeout(self.chance.gammavariate(0.6, BUSY / 0.6))
            self.steps += 2

    def vcpu(self) -> Steps:
        env = self.env
        yield env.timeout(2000)
        self.steps += 1
        while True:
            yield env.timeout(TRY)
            self.steps += 1
            while True:
                idle, changed = self.idle, self.changed
                done = env.timeout(EXIT // 3 if idle else TRY)
                yield done | changed
                if done.processed:
                    break
            self.steps += 1
            if not idle:
                self.failed += 1
                yield env.timeout(TRY)
                self.steps += 1
                continue
            self.kick, self.out, self.began = env.event(), env.event(), env.now
            yield self.kick
            self.kick = None
            yield env.timeout(EXIT // 3)
            self.ran += env.now - self.began
            self.began = None
            self.out.succeed()
            yield env.timeout(EXIT // 3)
            self.steps += 2

    def share(self) -> float:
        """Return the share of time in which the guest ran, up to now."""
        since = self.env.now - self.began if self.began is not None else 0
        return (self.ran + since) / self.env.now
