"""Our side of the comparisons: the native search on a catalogue test, all conditions on."""

from __future__ import annotations

from vmlitmus.engine.compile import compile_machine
from vmlitmus.engine.search import Found, Search
from vmlitmus.litmus import Catalogue


def ours(name: str) -> Found:
    """Explore all states of a test, with coverage and parent links."""
    catalogue = Catalogue()
    test, cells = catalogue.select([name], wide=True)[0]
    machine = cells[0].machine(catalogue.model_of(test.topic))
    with Search(compile_machine(machine, machine.conditions), effort=2) as search:
        return search.run()
