"""The successors of single states by native code, to hold beside those of the reference engine."""

from __future__ import annotations

from vmlitmus.compiler import Instance, Machine, State
from vmlitmus.engine.native.codegen import compile_machine
from vmlitmus.engine.native.jit import Native
from vmlitmus.engine.native.layout import Layout
from vmlitmus.engine.native.storage.memory import Region
from vmlitmus.errors import ModelError


class NativeStepper:
    """Runs the instances of a machine on states, as ``reference.Stepper`` does.

    ``effort`` is how hard LLVM optimises, 0 to 3.
    """

    def __init__(self, machine: Machine, *, effort: int = 2) -> None:
        self.machine = machine
        self.layout = Layout(machine)
        self._model = compile_machine(machine, (), named=True)
        self._expand = Native(self._model.ir, effort).function("expand", 3)
        self._state = Region(8 * self.layout.words)
        self._out = Region(8 * self.layout.words * self._model.fanout)
        self._counters = Region(self._model.counting)

    def successors(self, state: State) -> tuple[list[tuple[Instance, State]], dict[str, int]]:
        """Return every enabled instance with the next state, and how often each step is taken.

        Raises ModelError where an instance fails.
        """
        for index, word in enumerate(self.layout.pack(state)):
            self._state.set_word(index, word)
        steps = self._model.counters
        for index in range(steps):
            self._counters.set_word(index, 0)
        count = self._expand(self._state.address, self._out.address, self._counters.address)
        if count >> 63:
            raise ModelError(f"{self.machine.instances[(1 << 64) - count - 1]} fails")
        taken = dict(zip(self.machine.step_ids, self._counters.words(0, steps), strict=True))
        names = self._counters.words(self._model.names_at, count)
        found = [(self.machine.instances[i], self._after(k)) for k, i in enumerate(names)]
        return found, {name: times for name, times in taken.items() if times}

    def _after(self, number: int) -> State:
        words = self.layout.words
        return self.layout.unpack(self._out.words(number * words, words))
