"""No claim is true because a fact was taken for more than the kernel or QEMU means by it."""

from __future__ import annotations

import gzip
import shutil
from pathlib import Path

import pytest
from hosts import cookies, machine, qemu, thread, write

from vmlitmus.audit.claims.fixes import asked_release
from vmlitmus.audit.claims.snp import launch
from vmlitmus.audit.claims.split_lock import model_versions
from vmlitmus.audit.facts import read_host
from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.audit.vm.domain import find_domains
from vmlitmus.cli.main import main
from vmlitmus.host.kernel.release import read_kernel
from vmlitmus.host.saved.archive import open_tree
from vmlitmus.host.tree import Folder
from vmlitmus.host.vmm.qemu import parse_qemu
from vmlitmus.outcome.audit import Answer, Judged

PAIRS = [[0, 2], [1, 3]]
KVM = "sys/kernel/debug/kvm"
TRUE, FALSE, CANNOT_TELL = Answer.TRUE, Answer.FALSE, Answer.CANNOT_TELL


def judged(root: Path, claim: str, domain: str = "") -> Judged:
    found = audit_host(open_tree(root), Wanted(claims=(claim,)), str(root))
    (one,) = [j for j in found.all_judged if j.about in (domain or j.about, "host")]
    return one


def answer(root: Path, claim: str, domain: str = "") -> Answer:
    return judged(root, claim, domain).answer


def test_kvms_folder_has_the_number_of_the_thread_that_made_the_vm(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1")
    write(root, "proc/200/cmdline", "/usr/bin/stranger\0")
    for tid, comm in ((200, "stranger"), (201, "maker"), (202, "x")):
        thread(root, 200, tid, comm, "2" if tid == 202 else "1,3")
    cookies(root, dict.fromkeys((100, 101, 200, 201, 202), 0))
    write(root, f"{KVM}/100-9/vcpu0/pid", "101\n")
    write(root, f"{KVM}/201-7/vcpu0/pid", "202\n")
    found = judged(root, "OTHER_VMS_APART", "a")
    assert found.answer is FALSE
    assert "process 200 vcpu 0 on cpu 2" in found.text
    shutil.rmtree(root / "proc" / "200" / "task" / "201")  # the vcpus' threads say it as well
    assert answer(root, "OTHER_VMS_APART", "a") is FALSE


def test_a_vm_of_which_no_process_is_seen_may_be_anywhere(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, f"{KVM}/900-7/vcpu0/pid", "901\n")
    base = ["audit", "host", "--root", str(root), "--now", "--claim", "OTHER_VMS_APART"]
    assert main(base) == 3
    qemu(root, 100, "a", ["0"], rest="1")
    cookies(root, {100: 0, 101: 0})
    write(root, f"{KVM}/100-9/vcpu0/pid", "101\n")
    found = judged(root, "OTHER_VMS_APART", "a")
    assert found.answer is CANNOT_TELL
    assert "900-7" in found.text
    shutil.rmtree(root / KVM / "900-7")
    assert answer(root, "OTHER_VMS_APART", "a") is TRUE


def test_threads_of_another_vmm_are_tasks_of_the_host(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1")
    qemu(root, 200, "b", ["1"], rest="2-3")
    thread(root, 300, 300, "x", "1")
    cookies(root, dict.fromkeys((100, 101, 200, 201, 300), 0))
    assert answer(root, "OTHER_VMS_APART", "a") is TRUE
    found = judged(root, "HOST_TASKS_APART", "a")
    assert found.answer is FALSE
    assert "task 200 (qemu-system-x86) on cpu 2" in found.text
    qemu(root, 200, "b", ["1"], rest="3")
    assert answer(root, "HOST_TASKS_APART", "a") is TRUE
    qemu(root, 200, "b", ["2"], rest="3")  # a vcpu is what OTHER_VMS_APART speaks of
    assert answer(root, "HOST_TASKS_APART", "a") is TRUE
    assert answer(root, "OTHER_VMS_APART", "a") is FALSE


@pytest.mark.parametrize("accel", ["tcg", "kvm"])
def test_a_vm_under_tcg_is_another_vm(accel: str, tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1")
    qemu(root, 200, "b", ["2"], rest="1", accel=accel)
    cookies(root, dict.fromkeys((100, 101, 200, 201), 0))
    assert answer(root, "OTHER_VMS_APART", "a") is FALSE


def test_kvm_runs_what_kvm_shows(tmp_path) -> None:
    """QEMU's default is not TCG where the program is called kvm, or has no TCG."""
    root = machine(tmp_path, PAIRS)
    for words, shown, kvm in (
        (("/usr/libexec/qemu-kvm",), False, True),
        (("/usr/bin/kvm",), False, True),
        (("/usr/bin/qemu-system-x86_64",), False, False),
        (("/usr/bin/qemu-system-x86_64",), True, True),
        (("/usr/bin/qemu-system-x86_64", "-readconfig", "x"), False, True),
        (("/usr/bin/qemu-kvm", "-accel", "tcg"), False, False),
        (("/usr/bin/qemu-system-x86_64", "-M", "q35,accel=kvm", "-machine", "x=y"), False, True),
    ):
        write(root, "proc/100/cmdline", "\0".join(words) + "\0")
        for tid in (100, 101):
            thread(root, 100, tid, "qemu", "0-3")
        if shown:
            write(root, f"{KVM}/100-9/vcpu0/pid", "101\n")
        (domain,) = find_domains(read_host(open_tree(root), trust=True))
        assert domain.kvm is kvm, words
        shutil.rmtree(root / KVM, ignore_errors=True)


def grouped(root: Path, path: str, *tids: int) -> None:
    for tid in tids:
        write(root, f"proc/100/task/{tid}/cgroup", f"0::{path}\n")


@pytest.mark.parametrize(
    ("partition", "group", "alone"),
    [
        ("vm", "/vm", True),
        ("machine.slice", "/machine.slice/machine-qemu-1.scope/libvirt/vcpu0", False),
        (
            "machine.slice/machine-qemu-1.scope",
            "/machine.slice/machine-qemu-1.scope/libvirt/vcpu0",
            True,
        ),
        ("user.slice/session-1.scope", "/user.slice/session-1.scope/x", False),
    ],
)
def test_other_groups_share_the_partition_of_a_group_above(
    partition: str, group: str, alone: bool, tmp_path
) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0,2"], rest="0,2")
    cookies(root, {100: 0, 101: 0})
    write(root, f"{KVM}/100-9/vcpu0/pid", "101\n")
    write(root, "sys/fs/cgroup/cgroup.controllers", "cpuset\n")
    write(root, f"sys/fs/cgroup/{partition}/cpuset.cpus.partition", "root\n")
    write(root, f"sys/fs/cgroup/{partition}/cpuset.cpus.effective", "0,2\n")
    grouped(root, group, 100, 101)
    found = judged(root, "OTHER_VMS_APART", "a")
    assert found.answer is TRUE
    assert (("start another VM",) in found.for_ever.ends_it) is not alone
    grouped(root, "/", 100, 101)
    assert ("start another VM",) in judged(root, "OTHER_VMS_APART", "a").for_ever.ends_it


def test_a_partition_of_one_vcpu_keeps_no_cpu_for_another(tmp_path) -> None:
    root = machine(tmp_path, [[0, 4], [1, 5], [2, 6], [3, 7]])
    qemu(root, 100, "a", ["0", "1"], rest="0")
    cookies(root, {100: 0, 101: 0, 102: 0})
    write(root, f"{KVM}/exits", "0\n")
    write(root, "sys/fs/cgroup/cgroup.controllers", "cpuset\n")
    write(root, "sys/fs/cgroup/cpuset.cpus.effective", "0-7\n")
    write(root, "sys/fs/cgroup/vm/cpuset.cpus.partition", "root\n")
    write(root, "sys/fs/cgroup/vm/cpuset.cpus.effective", "0,4\n")
    write(root, "sys/fs/cgroup/rest/cpuset.cpus.partition", "member\n")
    write(root, "sys/fs/cgroup/rest/cpuset.cpus.effective", "1,5\n")
    grouped(root, "/vm", 101)
    grouped(root, "/rest", 102)
    found = judged(root, "OTHER_VMS_APART", "a")
    assert ("start another VM",) in found.for_ever.ends_it


def test_what_qemu_adds_up_is_added_up(tmp_path) -> None:
    """Siblings that the guest is shown by an option that is not the last -smp."""
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "1"], rest="1")
    place = root / "proc" / "100" / "cmdline"
    start = place.read_text().split("-smp")[0]
    for words, found in (
        ("-smp\x002,threads=1\0", TRUE),
        ("-smp\x002,threads=2\0", FALSE),
        ("-smp\x002,threads=2\0-smp\x002\0", FALSE),
        ("-smp\x002\0-machine\0q35,smp.threads=2\0", FALSE),
        ("-M\0q35,smp.cpus=2,smp.threads=2\0", FALSE),
        ("-smp\x002\0-readconfig\0x\0", CANNOT_TELL),
    ):
        place.write_text(start + words)
        assert answer(root, "ACCURATE_TOPOLOGY", "a") is found, words


def test_a_hyper_v_property_may_stand_elsewhere(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2"])
    place = root / "proc" / "100" / "cmdline"
    start = place.read_text()
    assert answer(root, "HINT_TRUE", "a") is TRUE  # not shown
    for words in (
        "-global\0host-x86_64-cpu.hv-no-nonarch-coresharing=on\0",
        "-global\0driver=x86_64-cpu,property=hv_relaxed,value=on\0",
        "-device\0EPYC-x86_64-cpu,hv-no-nonarch-coresharing=on,core-id=1\0",
    ):
        place.write_text(start + words)
        assert answer(root, "HINT_TRUE", "a") is CANNOT_TELL, words
    place.write_text(start + "-device\0virtio-net,id=hv\0")
    assert answer(root, "HINT_TRUE", "a") is TRUE


def test_a_process_that_is_called_2_is_no_kthreadd(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1")
    cookies(root, {100: 0, 101: 0})
    assert answer(root, "OTHER_VMS_APART", "a") is TRUE
    thread(root, 2, 2, "kthreadd", "1")
    found = judged(root, "OTHER_VMS_APART", "a")
    assert found.answer is CANNOT_TELL
    assert "not every process" in found.text


@pytest.mark.parametrize("control", [None, "1x\n", "maybe\n", "on"])
def test_without_smt_control_nobody_knows_what_kvm_reports(control: str | None, tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2"], cpu="EPYC,hv-relaxed,hv-no-nonarch-coresharing=auto")
    cookies(root, {100: 0, 101: 0, 102: 0})
    assert answer(root, "KVM_HINT_TRUE") is TRUE  # smt/control is on: KVM does not set it
    assert answer(root, "HINT_TRUE", "a") is TRUE
    place = "sys/devices/system/cpu/smt/control"
    (root / place).unlink()
    if control is not None:
        write(root, place, control)
    for claim in ("KVM_HINT_TRUE", "HINT_TRUE"):
        found = judged(root, claim, "host" if claim == "KVM_HINT_TRUE" else "a")
        assert found.answer is CANNOT_TELL
        assert "smt/control" in found.text
    smt = machine(tmp_path / "single", [[0], [1]])
    (smt / place).unlink()
    assert judged(smt, "NO_SMT").for_ever.answer is CANNOT_TELL


def test_a_list_of_vcpus_that_is_older_than_a_thread(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2"], rest="1")
    cookies(root, {100: 0, 101: 0, 102: 0})
    status = (
        "<domstatus state='running' pid='100'><vcpus><vcpu id='0' pid='101'/>{}</vcpus>"
        "<domain type='kvm'><name>a</name><vcpu>2</vcpu></domain></domstatus>"
    )
    write(root, "run/libvirt/qemu/a.xml", status.format(""))
    found = judged(root, "NO_NON_ARCH_CORE_SHARING", "a")
    assert found.answer is CANNOT_TELL
    assert "CPU 1/KVM" in found.text
    write(root, "run/libvirt/qemu/a.xml", status.format("<vcpu id='1' pid='102'/>"))
    assert answer(root, "NO_NON_ARCH_CORE_SHARING", "a") is FALSE


def test_kvm_numbers_vcpus_by_apic_id(tmp_path) -> None:
    """With 3 cores a socket the second socket begins at 8; with 3 threads a core at 4."""
    root = machine(tmp_path, [[n, n + 8] for n in range(8)])
    place = f"{KVM}/100-9"
    for smp, ids, claim, found in (
        ("12,sockets=2,cores=3,threads=2", (0, 1, 8, 9), "ACCURATE_TOPOLOGY", TRUE),
        ("12,sockets=2,cores=3,threads=2", (8, 9, 12, 13), "ACCURATE_TOPOLOGY", TRUE),
        ("12,sockets=2,cores=3,threads=2", (9, 10, 12, 13), "ACCURATE_TOPOLOGY", TRUE),
        ("12,sockets=2,cores=3,threads=2", (9, 10, 12, 13), "NO_NON_ARCH_CORE_SHARING", FALSE),
        ("6,sockets=2,cores=1,threads=3", (0, 1, 2, 4), "ACCURATE_TOPOLOGY", CANNOT_TELL),
    ):
        qemu(root, 100, "a", ["0,8", "0,8", "1,9", "1,9"], smp=smp, rest="7")
        cookies(root, dict.fromkeys(range(100, 106), 0))
        for n, number in enumerate(ids):
            write(root, f"{place}/vcpu{number}/pid", f"{101 + n}\n")
        assert answer(root, claim, "a") is found, ids
        shutil.rmtree(root / place)


@pytest.mark.parametrize("whole", [True, False])
def test_a_configuration_that_was_cut_lacks_no_option(whole: bool, tmp_path) -> None:
    packed = gzip.compress(b"".join(f"CONFIG_{n}=y\n".encode() for n in range(9999)))
    write(tmp_path, "proc/config.gz", packed if whole else packed[: len(packed) // 2])
    found = read_kernel(Folder(tmp_path)).config
    assert found.known is whole


AC = "[    0.000000] x86/split lock detection: #AC: crashing the kernel on kernel split_locks and "


def test_split_locks_on_a_host_of_which_less_is_known(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, "dmesg", f"{AC}warning on user-space split_locks\n")
    seen = "SPLIT_LOCK_NEIGHBOUR_SEEN"
    assert answer(root, seen) is FALSE
    assert answer(machine(tmp_path, [[0], [1]]), seen) is TRUE
    shutil.rmtree(root / "sys/devices/system/cpu")  # whether SMT is on is not known
    found = judged(root, seen)
    assert found.answer is CANNOT_TELL
    assert "SMT" in found.text
    assert answer(root, "SPLIT_LOCK_GUEST_LIVES") is TRUE  # either way
    write(root, "dmesg", f"{AC}warning on user-space split_locks\n{AC}something new\n")
    assert answer(root, "SPLIT_LOCK_GUEST_LIVES") is CANNOT_TELL
    write(root, "dmesg", f"{AC}warning on user-space split_locks\n")
    write(root, "proc/sys/kernel/osrelease", "9.9.1\n")
    found = judged(root, "SPLIT_LOCK_GUEST_LIVES")
    assert found.answer is CANNOT_TELL
    assert "newer than" in found.text


def test_a_flag_of_the_cpu_and_boot_messages_that_say_nothing_of_it(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, "dmesg", "[    0.000000] Linux version\n")
    lives = "SPLIT_LOCK_GUEST_LIVES"
    assert answer(root, lives) is TRUE
    flags = "processor : 0\nflags : fpu ht split_lock_detect\n\n"
    write(root, "proc/cpuinfo", flags)
    for option, found in (("off", TRUE), ("fatal", CANNOT_TELL), ("ratelimit:5", TRUE)):
        write(root, "proc/cmdline", f"split_lock_detect={option}\n")
        assert answer(root, lives) is found
    write(root, "dmesg", "[   12.000000] wrapped\n")
    slowed = "SPLIT_LOCK_SLOWED"
    for line, found in (
        ("split_lock_detect=fatal", TRUE),
        ("split-lock-detect=fatal", FALSE),
        ("split_lock_detect=fatal -- split_lock_detect=off", FALSE),
        ('"split_lock_detect=fatal"', FALSE),
        ("split_lock_detect=ratelimit:5", FALSE),
    ):
        write(root, "proc/cmdline", f"{line}\n")
        assert answer(root, slowed) is found, line


def test_which_kernels_of_the_model_stand_for_the_host() -> None:
    assert model_versions(asked_release("6.12.110"))[0] == ("6.12.107",)
    assert model_versions(asked_release("7.2.1"))[0] == ("7.1.13",)
    assert model_versions(asked_release("5.4.1"))[0] == ("5.7",)
    assert len(model_versions(None)[0]) > 10
    versions, why = model_versions(asked_release("7.4"))
    assert versions == ()
    assert "newer" in why


def test_a_number_in_smt_control_means_on(tmp_path) -> None:
    root = machine(tmp_path, PAIRS, "1")  # a write of off has failed
    assert answer(root, "KVM_HINT_TRUE") is TRUE
    assert "does not set the bit" in judged(root, "KVM_HINT_TRUE").text


def test_the_processor_driver_may_bring_siblings_up_that_were_forced_off(tmp_path) -> None:
    """Not in 6.12, nor where it is there already."""
    root = machine(tmp_path, [[0], [1]], "forceoff", (2, 3))
    load = ("load the processor driver",)
    write(root, "proc/sys/kernel/osrelease", "7.2.8\n")
    assert load in judged(root, "NO_SMT").for_ever.ends_it
    write(root, "sys/module/processor/parameters/max_cstate", "9\n")
    assert load not in judged(root, "NO_SMT").for_ever.ends_it
    shutil.rmtree(root / "sys/module")
    write(root, "proc/sys/kernel/osrelease", "6.12.118\n")
    assert load not in judged(root, "NO_SMT").for_ever.ends_it


def test_a_vcpu_that_is_plugged_may_get_the_cookie_of_the_others(tmp_path) -> None:
    """A thread has the cookie of the one that makes it: that of the emulator, if it has one."""
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "1"], smp="2,maxcpus=3,threads=1")
    plug, claim = ("plug a vcpu",), "NO_NON_ARCH_CORE_SHARING"
    for values in ({100: 0, 101: 7, 102: 7}, {100: 7, 101: 7, 102: 7}, {100: 0, 101: 7, 102: 8}):
        cookies(root, values)
        found = judged(root, claim, "a")
        assert found.answer is TRUE
        assert plug in found.for_ever.ends_it


@pytest.mark.parametrize(
    ("smp", "count", "most"),
    [
        ("", 1, 1),
        ("4", 4, 4),
        ("maxcpus=6", 6, 6),
        ("2,maxcpus=6", 2, 6),
        ("sockets=2,cores=2,threads=2", 8, 8),
        ("2,sockets=2,cores=2", 2, 4),
        ("4,sockets=2", 4, 4),
        ("4,threads=2", 4, 4),
    ],
)
def test_how_many_vcpus_smp_makes(smp: str, count: int, most: int) -> None:
    found = parse_qemu(("qemu-system-x86_64", "-smp", smp)).smp
    assert (found.count, found.most) == (count, most)


def test_a_vcpu_of_a_product_is_missed_and_may_be_plugged(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    claim = "NO_NON_ARCH_CORE_SHARING"
    qemu(root, 100, "a", ["0"], smp="sockets=2,cores=1")  # 2 vcpus, of which one is seen
    cookies(root, {100: 0, 101: 0})
    assert answer(root, claim, "a") is CANNOT_TELL
    qemu(root, 100, "a", ["0"], smp="1,sockets=2,cores=1")
    assert ("plug a vcpu",) in judged(root, claim, "a").for_ever.ends_it


@pytest.mark.parametrize(
    ("policy", "release", "said"),
    [
        (0x30000, "6.12.107", "accepted by KVM 6.11"),
        (0x10000, "7.2.8", "bit 17 must be one"),
        (0x70000, "7.2.8", "no bits 0x40000"),  # a migration agent, which KVM does not pass on
        (0x4030000, "7.3.4", "no bits 0x4000000"),
        (0x230000, "6.12.107", "EINVAL (they demand bits 20 and above to be clear)"),
        (0x230000, "7.2.8", "passes it to the firmware"),
        (0x20000, "6.12.107", "they demand bit 16"),
    ],
)
def test_which_policies_kvm_passes_on(policy: int, release: str, said: str) -> None:
    assert said in launch(policy, asked_release(release))


def test_vcpus_that_smp_does_not_speak_of_may_be_siblings(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2", "1", "0"], smp="2,threads=2")
    cookies(root, dict.fromkeys(range(100, 105), 0))
    found = judged(root, "ACCURATE_TOPOLOGY", "a")
    assert found.answer is CANNOT_TELL
    assert "siblings" in found.text
    qemu(root, 100, "a", ["0", "2", "1", "3"], smp="4,threads=2")
    assert answer(root, "ACCURATE_TOPOLOGY", "a") is TRUE


def test_a_host_that_is_a_guest_does_not_know_what_becomes_of_a_split_lock(tmp_path) -> None:
    """Its own host may be in mode fatal, and ends it for what its guest does."""
    root = machine(tmp_path, PAIRS)
    write(root, "dmesg", "[    0.000000] Linux version\n")
    lives = "SPLIT_LOCK_GUEST_LIVES"
    assert answer(root, lives) is TRUE
    for cpuinfo in ("processor : 0\nflags : fpu hypervisor\n\n", ""):
        write(root, "proc/cpuinfo", cpuinfo)
        assert answer(root, lives) is CANNOT_TELL
    write(root, "dmesg", f"{AC}warning on user-space split_locks\n")
    assert answer(root, lives) is TRUE  # no guest has that message


def test_hv_passthrough_of_an_old_qemu_copies_what_kvm_reports(tmp_path) -> None:
    """Where KVM reports the bit wrongly, as without CONFIG_HOTPLUG_SMT, it may be shown."""
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2"], cpu="host,hv-passthrough")
    cookies(root, {100: 0, 101: 0, 102: 0})
    assert answer(root, "HINT_TRUE", "a") is TRUE
    write(root, "sys/devices/system/cpu/smt/control", "notimplemented\n")
    assert answer(root, "HINT_TRUE", "a") is not TRUE
    qemu(root, 100, "a", ["0", "2"], cpu="host,hv-passthrough,hv-no-nonarch-coresharing=off")
    assert answer(root, "HINT_TRUE", "a") is not TRUE
    qemu(root, 100, "a", ["0", "2"], cpu="host,hv-relaxed,hv-no-nonarch-coresharing=off")
    assert answer(root, "HINT_TRUE", "a") is TRUE
