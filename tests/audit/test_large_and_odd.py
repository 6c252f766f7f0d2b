"""A host with 4,096 cpus, and names that a terminal would obey."""

from __future__ import annotations

import time

import pytest
from hosts import CPU, cookies, machine, qemu, thread, write

from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.cli.main import main
from vmlitmus.host.cpus.cpulist import as_list
from vmlitmus.host.saved.archive import open_tree


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """2,048 cores of two threads, 32 VMs of 32 vcpus on cores of their own, 200 tasks."""
    root = tmp_path_factory.mktemp("large")
    machine(root, [])
    write(root, f"{CPU}/online", "0-4095\n")
    for cpu in range(4096):
        first = cpu % 2048
        write(root, f"{CPU}/cpu{cpu}/topology/core_cpus_list", f"{first},{first + 2048}\n")
    values = {}
    for vm in range(32):
        pid, cores = 1000 * (vm + 1), range(16 * vm, 16 * vm + 16)
        pins = [str(core + 2048 * thread) for core in cores for thread in range(2)]
        qemu(root, pid, f"vm{vm}", pins, smp="32,cores=16,threads=2", rest="1024-1100")
        values |= dict.fromkeys(range(pid, pid + 33), 0)
    for tid in range(100, 300):
        thread(root, tid, tid, "worker", "1200-1300,3300")
        values[tid] = 0
    cookies(root, values)
    return root


def test_4096_cpus_in_under_two_seconds(large) -> None:
    """Of CPU time, the best of three runs: other work on the machine makes single ones slower."""
    spent = float("inf")
    for _ in range(3):
        started = time.process_time()
        found = audit_host(open_tree(large), Wanted(for_ever=False), "x")
        spent = min(spent, time.process_time() - started)
        if spent < 2:
            break
    assert len(found.domains) == 32
    assert found.host.cpus.startswith("4096 cpus, 2048 cores")
    wanted = ("NO_NON_ARCH_CORE_SHARING", "ACCURATE_TOPOLOGY", "OTHER_VMS_APART")
    assert {j.answer for j in found.all_judged if j.claim in wanted} == {"true"}
    assert spent < 2


def test_one_stray_pin_among_4096_cpus_is_found(large, tmp_path) -> None:
    stray = 5 * 1000 + 7
    thread(large, 5000, stray, "CPU 6/KVM", "2050")
    try:
        found = audit_host(open_tree(large), Wanted(for_ever=False), "x")
    finally:
        thread(large, 5000, stray, "CPU 6/KVM", as_list({16 * 4 + 3}))
    false = {(j.about, j.claim) for j in found.all_judged if j.answer == "false"}
    assert {about for about, claim in false if claim == "OTHER_VMS_APART"} == {"vm0", "vm4"}
    assert ("vm4", "ACCURATE_TOPOLOGY") in false


EVIL = "\x1b[2J\x1b]0;owned\x07evil\r\x00\u202e<script>"


def test_names_are_shown_harmlessly(tmp_path, capsys) -> None:
    root = machine(tmp_path, [[0, 2], [1, 3]])
    qemu(root, 100, EVIL.replace("\0", "").replace(",", ""), ["0", "1"])
    thread(root, 100, 109, EVIL.replace("\0", ""), "0")
    write(root, f"{CPU}/smt/control", EVIL + "\n")
    write(root, "proc/sys/kernel/osrelease", EVIL + "\n")
    write(root, "proc/version", EVIL + "\n")
    for words in ([], ["--facts"], ["--json"], ["--format", "prometheus"]):
        main(["audit", "host", "--root", str(root), "--now", *words])
        out, err = capsys.readouterr()
        assert "evil" in out
        assert all(c.isprintable() or c == "\n" for c in out + err)
    main(["audit", "kernel", "--root", str(root)])
    out, err = capsys.readouterr()
    assert all(c.isprintable() or c == "\n" for c in out + err)


def test_messages_about_files_are_harmless_too(tmp_path, capsys) -> None:
    bad = tmp_path / "x.xml"
    bad.write_text("<domain><vcpu cpuset='\u202e&#27;[2J'>1</vcpu></domain>")
    machine(tmp_path, [[0, 2], [1, 3]])
    assert main(["audit", "host", "--root", str(tmp_path), "--xml", str(bad)]) == 2
    err = capsys.readouterr().err
    assert all(c.isprintable() or c == "\n" for c in err)
