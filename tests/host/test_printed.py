"""Each word that a kernel prints where the audit reads one is known, or nothing is said of it."""

from __future__ import annotations

import pytest
from printed import PARTITIONS, SMT_CONTROL, SPLIT_LOCK, SPLIT_LOCK_OPTION

from vmlitmus.audit.facts import SMT_WORDS
from vmlitmus.host.cpus.cpuset import read_cpuset
from vmlitmus.host.fact import Fact
from vmlitmus.host.kernel.cmdline import early_option
from vmlitmus.host.kernel.split_lock import OPTION, asked_state, boot_message, state_of
from vmlitmus.host.tree import Folder

START = "[    0.000000] Linux version\n"
PREFIX = "[    0.113000] x86/split lock detection: "


def told(*messages: str, start: str = START) -> Fact[str]:
    return boot_message(Fact(start + "".join(f"{PREFIX}{m}\n" for m in messages), "dmesg"))


def test_smt_control_is_known_word_by_word() -> None:
    assert SMT_WORDS == SMT_CONTROL


@pytest.mark.parametrize(("printed", "keeps_out"), PARTITIONS.items())
def test_partitions(printed: str, keeps_out: bool, tmp_path) -> None:  # type: ignore[no-untyped-def]
    group = tmp_path / "sys" / "fs" / "cgroup" / "vm"
    group.mkdir(parents=True)
    (group / "cpuset.cpus.partition").write_text(printed + "\n")
    (group / "cpuset.cpus.effective").write_text("2-3\n")
    found = read_cpuset(Folder(tmp_path), {"": "/vm"})
    assert found.partition.value is not None
    assert found.partition.value.keeps_out is keeps_out
    assert found.kept == ({2, 3} if keeps_out else set())


@pytest.mark.parametrize(("message", "state"), [(m, s) for m, s, _ in SPLIT_LOCK])
def test_boot_messages(message: str, state: str) -> None:
    found = told(message)
    if state:
        assert found.value == message
        assert state_of(message) == state
        assert told(message, *(m for m, s, _ in SPLIT_LOCK if not s)).value == message
    else:
        assert found.value is None
        assert "not of the state" in found.why


def test_a_boot_message_that_is_new_hides_those_that_are_known() -> None:
    warn = SPLIT_LOCK[1][0]
    for new in ("#AC: doing something new", f"{warn} if they like", "#DB: off", "disabled?"):
        found = told(new, warn)
        assert found.value == new
        assert state_of(new) == ""


def test_what_a_device_calls_itself_is_no_boot_message() -> None:
    log = START + "[    9.000000] usb 1-1: Product: x86/split lock detection: disabled\n"
    assert boot_message(Fact(log, "dmesg")).value == ""
    caller = f"[    0.000000][    T0] x86/split lock detection: {SPLIT_LOCK[2][0]}\n"
    assert state_of(boot_message(Fact(caller + log, "dmesg")).value or "") == "fatal"


@pytest.mark.parametrize(("line", "state"), SPLIT_LOCK_OPTION.items())
def test_the_option_as_the_kernel_takes_it(line: str, state: str) -> None:
    assert asked_state(early_option(f"ro {line} quiet", OPTION)) == state
