"""Where memory order cannot matter, the machine is the same, to the last operation."""

from __future__ import annotations

from typing import Any

from dekker import both_went_on, model, nothing, through
from outcomes import by_reference, machine_of
from test_buffer_faults import programs
from test_published import DATA

from vmlitmus.compiler import Machine, build
from vmlitmus.compiler.declared import entity_fields
from vmlitmus.herd.program import Kind
from vmlitmus.herd.read import read_program
from vmlitmus.lang import entity
from vmlitmus.model import TOPICS

TSO = {"machine": {"memory": "tso"}}


def text(machine: Machine) -> list[str]:
    """Return all that the engines see of a machine."""
    codes = [machine.codes[i.index] for i in machine.instances]
    blocks = [(code.reads, code.writes, code.blocks) for code in codes]
    variables = [(str(v), v.domain, v.initial) for v in machine.variables]
    instances = [(str(i), i.start, i.guards) for i in machine.instances]
    return [*map(repr, variables), *map(repr, instances), *map(repr, blocks)]


def test_a_topic_without_shared_fields() -> None:
    """Its machine is the same under both orders, and says that no field is Shared."""
    for topic in ("cache-flush", "page-state"):
        sc, tso = build(TOPICS[topic]), build(TOPICS[topic], TSO)
        assert text(sc) == text(tso)
        assert "no field here is Shared" in str(tso.bounds["memory"])


def test_a_question_about_other_fields() -> None:
    """What a topic asks of fields that are not Shared is not said to be decided under TSO."""
    settings = {"machine": {"memory": "tso"}}
    said = "no Shared field changes here"
    kvm = build(TOPICS["tlb-flush"], settings, allow=("reclaim",))
    assert said in str(kvm.bounds["memory"])
    settings["machine"]["translations"] = "process"
    mm = build(TOPICS["tlb-flush"], settings, allow=("switch-mm", "flush-mm"))
    assert said not in str(mm.bounds["memory"])


def test_under_sc_shared_says_nothing(monkeypatch: Any) -> None:
    """The annotation alone changes no machine that is sequentially consistent."""
    look = through(nothing)
    shared = text(build(model(look)))
    monkeypatch.setattr(entity, "_SHARED", "nothing that is looked for")

    entity_fields.cache_clear()
    plain = build(model(look))
    entity_fields.cache_clear()
    assert not plain.world.shared
    assert text(plain) == shared
    assert both_went_on.name in plain.conditions


def test_with_all_barriers_in_there_are_as_many_states_as_under_sc() -> None:
    """No pair, no buffer: also where every store would go through one."""
    for name in ("SB+mfences", "IRIW", "n2", "iwp2.6"):
        path = DATA / f"{name}.litmus"
        program = read_program(path.read_text(), path.name)
        sc, tso = machine_of(program, "sc"), machine_of(program, "tso")
        raw = machine_of(program, "tso", raw=True)
        assert tso.passing is not None
        assert not tso.passing.pairs
        counts = [by_reference(machine)[1] for machine in (sc, tso, raw)]
        assert counts[0] == counts[1] < counts[2], name


def test_a_barrier_less_and_there_is_a_pair() -> None:
    """So the counts above are the work of the barriers."""
    (sb,) = [p for p in programs() if p.name == "SB"]
    assert all(o.kind is not Kind.MFENCE for thread in sb.threads for o in thread)
    found = machine_of(sb, "tso").passing
    assert found is not None
    assert found.pairs
