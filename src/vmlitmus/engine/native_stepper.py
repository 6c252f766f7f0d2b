"""The successors of single states by native code, to hold beside those of the reference engine."""

from __future__ import annotations

from vmlitmus.engine.compile import compile_noting, fanout
from vmlitmus.engine.jit import Native
from vmlitmus.engine.layout import Layout
from vmlitmus.engine.memory import Region
from vmlitmus.errors import ModelError
from vmlitmus.lang import Instance, Machine, State


class NativeStepper:
    """Runs the instances of a machine on states, as ``reference.Stepper`` does.

    ``effort`` is how hard LLVM optimises, 0 to 3.
    """

    def __init__(self, machine: Machine, *, effort: int = 2) -> None:
        self.instances = machine.instances
        self.layout = Layout(machine)
        self._expand = Native(compile_noting(machine), effort).function("expand", 3)
        self._state = Region(8 * self.layout.words)
        self._out = Region(8 * self.layout.words * fanout(machine))
        self._fired = Region(8 * len(machine.instances))

    def successors(self, state: State) -> list[tuple[Instance, str, State]]:
        """Return every enabled instance, the id of the step that it takes, and the next state."""
        return self.packed_successors(self.layout.pack(state))

    def packed_successors(self, words: tuple[int, ...]) -> list[tuple[Instance, str, State]]:
        """Return the same for the words of a state; raises ModelError where an instance fails."""
        for index, word in enumerate(words):
            self._state.set_word(index, word)
        for index in range(len(self.instances)):
            self._fired.set_word(index, 0)
        count = self._expand(self._state.address, self._out.address, self._fired.address)
        if count >> 63:
            raise ModelError(f"{self.instances[(1 << 64) - count - 1]} fails")
        notes = self._fired.words(0, len(self.instances))
        noted = [(i, note - 1) for i, note in zip(self.instances, notes, strict=True) if note]
        assert len(noted) == count, "each instance that fires has one successor"
        return [(i, _name(i, ending), self._after(k)) for k, (i, ending) in enumerate(noted)]

    def _after(self, number: int) -> State:
        words = self.layout.words
        return self.layout.unpack(self._out.words(number * words, words))


def _name(instance: Instance, ending: int) -> str:
    return f"{instance.step.name}.{ending}" if instance.program else instance.step.name
