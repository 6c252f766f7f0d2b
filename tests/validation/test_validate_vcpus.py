"""vmlitmus validate of single vcpus, by vcpu-wakeup and ap-creation, on runs of a real kernel."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema
import pytest
from kernel_rules import first_broken
from vcpu_mutations import Mutator

import vmlitmus
from vmlitmus.audit.trace.roster import read_table
from vmlitmus.cli.main import main
from vmlitmus.outcome.validation import Validation, ValidationAnswer
from vmlitmus.trace import Kind, open_recording
from vmlitmus.validation.mapping import read_mapping, topics
from vmlitmus.validation.question import BuiltMachines, Question
from vmlitmus.validation.validate import rows_of, validate_rows
from vmlitmus.validation.vcpus.machine import VcpuMachine
from vmlitmus.validation.wording import Row

DATA = Path(__file__).parent.parent / "data" / "traces"
BOOKKEPT = {  # no step needs them
    "vcpu-wakeup": (Kind.INJECT_IRQ,),
    "ap-creation": (Kind.INJECT_IRQ, Kind.VCPU_WAKEUP),
}


class Recorded:
    """A recording of the tests, to be validated as it is or changed."""

    def __init__(self, name: str, topic: str, most: int | None = None) -> None:
        self.recording = open_recording(str(DATA / f"{name}.txt.gz"))
        self.roster = read_table(DATA / f"{name}.vms.tsv")
        self.mapping = read_mapping(topic)
        self.rows = rows_of(self.recording)[:most]
        self.built = BuiltMachines()

    def validate(self, rows: list[Row] | None = None) -> Validation:
        question = Question(self.mapping, {}, ())
        taken = self.rows if rows is None else rows
        return validate_rows(taken, self.recording, self.roster, question, self.built)

    @property
    def vcpus(self) -> dict[int, int]:
        """Threads by the APIC id of their vcpu."""
        return {m.vcpu: tid for tid, m in self.roster.vcpus.items() if m.vcpu is not None}

    def missed(self, count: int, seed: int) -> list[str]:
        """Return of seeded mutations those that are not found at the right event."""
        bookkept = BOOKKEPT[self.mapping.topic]
        made = Mutator(self.rows, self.vcpus, self.mapping, bookkept, random.Random(seed))
        missed = []
        for n in range(count):
            mutation = made.make(n)
            runs = self.validate(mutation.rows).cores
            wrong = [m.time for run in runs for m in run.mismatches]
            if not wrong or not mutation.is_right(min(wrong)):
                missed.append(f"{n} {mutation.what}: {mutation.rule}, {mutation.first} ns")
        return missed


@pytest.mark.parametrize(
    ("name", "topic", "explained"),
    [
        ("text-ipi-start", "ap-creation", [("VM 59 vcpu 1", 2708, 2708)]),
        ("text-ipi-wakeup", "ap-creation", [("VM 97 vcpu 1", 4028, 4028)]),
        (
            "text-ipi-start",
            "vcpu-wakeup",
            [("VM 59 vcpu 0", 2850, 2841), ("VM 59 vcpu 1", 3304, 3294)],
        ),
        (
            "text-ipi-wakeup",
            "vcpu-wakeup",
            [("VM 97 vcpu 0", 5229, 5225), ("VM 97 vcpu 1", 5200, 5192)],
        ),
    ],
)
def test_what_a_real_kernel_did_is_explained(
    name: str, topic: str, explained: list[tuple[str, int, int]]
) -> None:
    found = Recorded(name, topic).validate()
    assert found.answer is ValidationAnswer.EXPLAINED
    assert [(c.vcpu, c.events, c.explained) for c in found.cores] == explained
    assert all(c.explained == c.events - c.unread and c.runs > 0 for c in found.cores)


@pytest.mark.parametrize(("topic", "most"), [("ap-creation", 500), ("vcpu-wakeup", 800)])
def test_some_mutations_are_found_at_the_right_event(topic: str, most: int) -> None:
    assert not Recorded("text-ipi-start", topic, most).missed(6, seed=2)


@pytest.mark.wide
@pytest.mark.parametrize("name", ["text-ipi-start", "text-ipi-wakeup"])
@pytest.mark.parametrize("topic", ["ap-creation", "vcpu-wakeup"])
def test_mutations_of_vcpus_are_found_at_the_right_event(name: str, topic: str) -> None:
    """At least 95 of 100 swaps, dropped events and changed numbers."""
    missed = Recorded(name, topic, 3000).missed(120, seed=11)
    assert len(missed) <= 6, missed


@pytest.mark.parametrize("name", ["text-ipi-start", "text-ipi-wakeup"])
def test_a_recording_keeps_the_rules_that_mutations_break(name: str) -> None:
    recorded = Recorded(name, "vcpu-wakeup")
    assert first_broken(recorded.rows, recorded.vcpus) is None


@pytest.mark.parametrize("topic", topics())
def test_a_mapping_names_steps_that_exist(topic: str) -> None:
    mapping = read_mapping(topic)
    if mapping.follows == "vcpus":
        machine = VcpuMachine(Question(mapping, {}, ()), frozenset(Kind))
        steps = {i.step.name for i in machine.machine.instances}
        assert machine.events and all(e.steps <= steps for e in machine.events)
        assert set(mapping.unseen) <= steps | set(mapping.events)


def text(tmp_path: Path, lines: list[tuple[int, int, str]]) -> str:
    """Write ftrace text: each line is a cpu, a tid and an event; a ms apart."""
    path = tmp_path / "made.txt"
    rows = [
        f"{'vcpu':>16}-{tid:<7} [{cpu:03}] d.... {100 + n / 1000:.6f}: {event}"
        for n, (cpu, tid, event) in enumerate(lines)
    ]
    path.write_text("\n".join(rows) + "\n")
    (tmp_path / "vcpus.tsv").write_text("60\tvm\t0\t-\n61\tvm\t1\t-\n")
    return str(path)


def ask(tmp_path: Path, topic: str, lines: list[tuple[int, int, str]], *more: str) -> int:
    table = str(tmp_path / "vcpus.tsv")
    return main(["validate", text(tmp_path, lines), "--topic", topic, "--vcpus", table, *more])


ENTER, HLT, MSR = "kvm_entry: vcpu 1", "kvm_exit: vcpu 1 reason hlt", "kvm_exit: vcpu 0 reason msr"
SWITCH = "sched_switch: prev_comm=v prev_pid={} prev_state={} ==> next_comm=v next_pid={}"
ASLEEP, AWAKE = SWITCH.format(61, "S", 0), SWITCH.format(0, "R", 61)
SENT = "kvm_apic_accept_irq: apicid 1 vec 64 (Fixed|edge)"
WAKING = "sched_waking: comm=v pid=61 prio=120 target_cpu=001"
WOKEN = "kvm_vcpu_wakeup: wait time 1000 ns, polling valid"
BSP_IN = "kvm_entry: vcpu 0"
# vcpu 1 halts and sleeps; vcpu 0 sends it an interrupt, which wakes it.
WAKE_UP = [
    (0, 60, BSP_IN), (1, 61, ENTER), (1, 61, HLT), (1, 61, ASLEEP), (0, 60, MSR), (0, 60, SENT),
    (0, 60, WAKING), (0, 60, BSP_IN), (1, 0, AWAKE), (1, 61, WOKEN),
    (1, 61, "kvm_inj_virq: IRQ 0x40"), (1, 61, ENTER),
]  # fmt: skip


def test_a_wake_up_is_explained(tmp_path: Path) -> None:
    assert ask(tmp_path, "vcpu-wakeup", WAKE_UP) == 0


TWICE = [(0, 60, BSP_IN), (0, 60, MSR), (0, 0, WAKING.replace("61", "62")), *WAKE_UP, *WAKE_UP[2:]]


def test_a_second_wake_up_is_explained(tmp_path: Path) -> None:
    assert ask(tmp_path, "vcpu-wakeup", TWICE) == 0


def test_a_lost_wake_up_is_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The sender goes back to its guest, and the vcpu sleeps on although it waits."""
    lost = [*TWICE, *WAKE_UP[2:6], (0, 60, BSP_IN)]
    assert ask(tmp_path, "vcpu-wakeup", lost, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    schema = Path(vmlitmus.__file__).parent / "schemas" / "validation-1.json"
    jsonschema.validate(found, json.loads(schema.read_text()))
    (mismatch,) = [m for core in found["cores"] for m in core["mismatches"]]
    assert "cpu 0 kvm_entry" in mismatch["event"]
    assert "trace_returns(task0)" in {c["step"] for c in mismatch["candidates"]}
    assert any("task.idle" in c["why"] for c in mismatch["candidates"])
    assert [core["vcpu"] for core in found["cores"]] == ["VM vm vcpu 0", "VM vm vcpu 1"]


@pytest.mark.parametrize("missing", [2, 3, 4, 5, 6, 8, 9])
def test_each_event_is_needed(tmp_path: Path, missing: int) -> None:
    at = len(TWICE) - len(WAKE_UP) + missing
    assert ask(tmp_path, "vcpu-wakeup", TWICE[:at] + TWICE[at + 1 :]) == 1


def test_a_wake_up_for_nothing_ends_no_halt(tmp_path: Path) -> None:
    woken = [(1, 9, WAKING), (1, 9, AWAKE), (1, 61, ASLEEP)]
    assert ask(tmp_path, "vcpu-wakeup", [*TWICE, *WAKE_UP[2:4], *woken, *WAKE_UP[4:]]) == 0
    assert ask(tmp_path, "vcpu-wakeup", [*TWICE, *WAKE_UP[2:4], *woken[:2], (1, 61, WOKEN)]) == 1


def test_lost_events_cannot_be_explained_away(tmp_path: Path) -> None:
    path = Path(text(tmp_path, WAKE_UP * 2))
    rows = path.read_text().splitlines()
    rows.insert(len(WAKE_UP), "CPU:1 [LOST 3 EVENTS]")
    path.write_text("\n".join(rows) + "\n")
    table = str(tmp_path / "vcpus.tsv")
    words = ["validate", str(path), "--topic", "vcpu-wakeup", "--vcpus", table]
    assert main(words) == 3


def test_what_is_sent_has_to_be_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(tmp_path, "vcpu-wakeup", [line for line in WAKE_UP if line[2] != SENT]) == 2
    assert "no event kvm:kvm_apic_accept_irq" in capsys.readouterr().err


def test_two_vms_have_to_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = text(tmp_path, [(0, 60, ENTER), (1, 61, ENTER)])
    assert main(["validate", given, "--topic", "vcpu-wakeup"]) == 2
    assert "give --vcpus or --host" in capsys.readouterr().err


CREATE = "kvm_vmgexit_enter: vcpu 0, exit_reason 80000013, exit_info1 100000001, exit_info2 4000"
ASK = [(0, 60, "kvm_exit: vcpu 0 reason vmgexit"), (0, 60, CREATE), (0, 60, BSP_IN)]
AP_RUNS = [(1, 61, ENTER), (1, 61, "kvm_exit: vcpu 1 reason interrupt")]
# A running AP is sent INIT and takes it; then a SIPI, and nothing else, starts it.
INIT = [
    (0, 60, "kvm_apic_accept_irq: apicid 1 vec 0 (INIT|edge)"),
    (1, 61, "vcpu_reset: (kvm_vcpu_reset+0x0/0x100) init=1"),
]
SIPI = [
    (0, 60, "kvm_apic_accept_irq: apicid 1 vec 2 (SIPI|edge)"),
    (1, 61, "vcpu_sipi: (kvm_vcpu_deliver_sipi_vector+0x0/0x80) vector=2"),
]


def test_an_ap_that_took_init_runs_after_a_sipi_alone(tmp_path: Path) -> None:
    begun = [(0, 60, BSP_IN), *AP_RUNS, *INIT]
    assert ask(tmp_path, "ap-creation", begun + SIPI + AP_RUNS) == 0
    assert ask(tmp_path, "ap-creation", begun + AP_RUNS) == 1
    assert ask(tmp_path, "ap-creation", begun + ASK + AP_RUNS) == 1


def test_an_ap_that_was_destroyed_does_not_run(tmp_path: Path) -> None:
    """Once more it may: it was about to enter when the request came."""
    destroy = [(cpu, tid, e.replace("100000001", "100000002")) for cpu, tid, e in ASK]
    begun = [(0, 60, BSP_IN), *ASK, *AP_RUNS, (0, 60, SENT), *destroy]
    assert ask(tmp_path, "ap-creation", begun + ASK + AP_RUNS * 2) == 0
    assert ask(tmp_path, "ap-creation", begun + AP_RUNS * 2) == 1


# vcpu 1 sleeps in HLT; INIT wakes it, it resets itself, and after a SIPI it enters.
BEGUN = [(0, 60, BSP_IN), *WAKE_UP[1:4], (0, 60, MSR)]
STARTED_ANEW = [
    INIT[0], (0, 60, WAKING), (0, 60, BSP_IN), (1, 0, AWAKE), (1, 61, WOKEN), INIT[1],
    (0, 60, MSR), SIPI[0], (0, 60, BSP_IN), SIPI[1], (1, 61, ENTER),
]  # fmt: skip


def test_a_vcpu_that_starts_anew_is_followed(tmp_path: Path) -> None:
    assert ask(tmp_path, "vcpu-wakeup", BEGUN + STARTED_ANEW) == 0


def test_a_halt_while_an_init_is_pending_does_not_block(tmp_path: Path) -> None:
    """INIT and SIPI come before the vcpu leaves its guest by HLT: it need not sleep."""
    sent = [(0, 60, MSR), INIT[0], (0, 60, BSP_IN), (0, 60, MSR), SIPI[0], (0, 60, BSP_IN)]
    begun = [*BEGUN[:1], (1, 61, ENTER), *sent, (1, 61, HLT)]
    assert ask(tmp_path, "vcpu-wakeup", [*begun, INIT[1], SIPI[1], (1, 61, ENTER)]) == 0
    assert ask(tmp_path, "vcpu-wakeup", [*begun, INIT[1], (1, 61, ENTER), SIPI[1]]) == 1
    assert ask(tmp_path, "vcpu-wakeup", [*begun, (1, 61, ASLEEP), INIT[1], SIPI[1]]) == 1


def test_a_sipi_is_stored_after_its_event(tmp_path: Path) -> None:
    """The event is the first thing that __apic_accept_irq() does; vcpu 1 may sleep before the rest.

    When vcpu 0 is in its guest again, the SIPI is stored, and vcpu 1 does not sleep.
    """
    begun = [*BEGUN, *STARTED_ANEW[:3], (0, 60, MSR), SIPI[0]]
    resets = [*STARTED_ANEW[3:6], (1, 61, ASLEEP)]
    woken = [(0, 60, WAKING), (0, 60, BSP_IN), (1, 0, AWAKE), *STARTED_ANEW[9:]]
    assert ask(tmp_path, "vcpu-wakeup", begun + resets + woken) == 0
    stored = [*begun, (0, 60, BSP_IN), *resets, (0, 60, MSR), (0, 60, SENT), *woken]
    assert ask(tmp_path, "vcpu-wakeup", stored) == 1


@pytest.mark.parametrize("missing", [0, 1, 4, 5, 7, 9])
def test_each_event_of_a_start_is_needed(tmp_path: Path, missing: int) -> None:
    whole = BEGUN + STARTED_ANEW + WAKE_UP[2:4] + [(0, 60, MSR)] + STARTED_ANEW
    at = len(whole) - len(STARTED_ANEW) + missing
    assert ask(tmp_path, "vcpu-wakeup", whole) == 0
    assert ask(tmp_path, "vcpu-wakeup", whole[:at] + whole[at + 1 :]) == 1


def test_a_lapic_that_was_reset_may_ignore_an_interrupt(tmp_path: Path) -> None:
    ignored = [(0, 60, MSR), (0, 60, SENT), (0, 60, BSP_IN)]
    begun = BEGUN + STARTED_ANEW[:6]
    asleep = [(1, 61, ASLEEP)]
    woken = [(0, 60, MSR), SIPI[0], (0, 60, WAKING), (0, 60, BSP_IN), (1, 0, AWAKE)]
    after = [*woken, *STARTED_ANEW[9:]]
    assert ask(tmp_path, "vcpu-wakeup", begun + asleep + ignored + after) == 0
    halted = WAKE_UP[2:4] + ignored
    assert ask(tmp_path, "vcpu-wakeup", begun + asleep + after + halted) == 1


def test_without_the_probes_a_start_begins_anew(tmp_path: Path) -> None:
    events = [e for e in BEGUN + STARTED_ANEW if e not in (INIT[1], SIPI[1])]
    assert ask(tmp_path, "vcpu-wakeup", events, "--json") == 0
