"""What single readers make of what the kernel and the VMMs write."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmlitmus.host.cpus.cpuidle import read_idle_states
from vmlitmus.host.cpus.cpulist import cpu_list, cpu_mask, libvirt_cpuset
from vmlitmus.host.cpus.cpuset import read_cpuset
from vmlitmus.host.cpus.topology import read_topology
from vmlitmus.host.fact import Fact
from vmlitmus.host.kernel.cmdline import options
from vmlitmus.host.kernel.release import read_kernel
from vmlitmus.host.kernel.split_lock import _line, boot_message
from vmlitmus.host.tasks.cookies import MEANING, read_cookies
from vmlitmus.host.tasks.threads import read_process, stat_fields
from vmlitmus.host.tree import Folder
from vmlitmus.host.vmm.libvirt import parse_domain
from vmlitmus.host.vmm.qemu import parse_qemu
from vmlitmus.host.vmm.rust_vmm import parse_cloud_hypervisor


def write(root: Path, path: str, content: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(content)


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("", set()),
        ("0-1", {0, 1}),
        ("0,48", {0, 48}),
        ("0-6:2", {0, 2, 4, 6}),
        ("0-7:1/4", {0, 4}),
        ("0-7:2/4", {0, 1, 4, 5}),
    ],
)
def test_lists(text: str, cpus: set[int]) -> None:
    assert cpu_list(text) == cpus


def test_masks_and_carets() -> None:
    assert cpu_mask("3") == {0, 1}
    assert cpu_mask("1,00000000,00000003\0\0") == {0, 1, 64}
    assert libvirt_cpuset("0-4,^3") == {0, 1, 2, 4}
    assert libvirt_cpuset("^3,0-4") == {0, 1, 2, 3, 4}  # takes away from what stands before it
    for wrong in ("3-1", "a", "1,,2", "1-", "99999999"):
        with pytest.raises(ValueError, match="no range"):
            cpu_list(wrong)


def test_a_cpu_without_an_online_file_is_online_and_masks_will_do(tmp_path) -> None:
    for cpu, mask in ((0, "5"), (1, "2"), (2, "5")):
        write(tmp_path, f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings", f"{mask}\n")
    found = read_topology(Folder(tmp_path))
    assert not found.online.known
    assert found.up == {0, 1, 2}
    assert found.cores == (frozenset({0, 2}), frozenset({1}))
    assert found.torn == ""


def test_nohz_full_may_say_null(tmp_path) -> None:
    write(tmp_path, "sys/devices/system/cpu/nohz_full", "(null)\n")
    assert read_topology(Folder(tmp_path)).nohz_full.value == frozenset()


def test_the_last_option_wins_and_quotes_hold_spaces() -> None:
    line = 'a=1 nosmt nosmt=force x="b c" kvm-amd.sev=1 -- nosmt=no'
    assert options(line) == {"a": "1", "nosmt": "force", "x": "b c", "kvm_amd.sev": "1"}


def test_a_name_may_hold_brackets_and_spaces() -> None:
    comm, fields = stat_fields("12 (a) (b) c) S 1 2")
    assert (comm, fields) == ("a) (b) c", ["S", "1", "2"])


def test_threads_have_affinities_and_kernel_threads_are_told_in_three_ways(tmp_path) -> None:
    for tid, stat, status in (
        (1, "1 (a) S 0 0 0 0 -1 64", "Kthread:\t1\nCpus_allowed_list:\t0-3,8\n"),
        (2, "2 (b) S 2 0 0 0 -1 2097216", "Cpus_allowed_list:\tx\n"),
        (3, "3 (c) S 1 0 0 0 -1 16448", "Kthread:\t0\n"),
    ):
        write(tmp_path, f"proc/1/task/{tid}/stat", stat + "\n")
        write(tmp_path, f"proc/1/task/{tid}/status", status)
    a, b, c = read_process(Folder(tmp_path), 1).threads
    assert a.allowed.value == {0, 1, 2, 3, 8}
    assert (a.kernel, b.kernel, c.kernel) == (True, True, False)
    assert b.allowed.why == "'x' is no range of cpus"
    assert c.helper
    assert not a.helper


class Prctl:
    """Answers as the kernel would: a cookie, or the name of an errno."""

    def __init__(self, own: int | str, others: dict[int, list[int | str]]) -> None:
        self.own, self.others = own, others

    def __call__(self, tid: int) -> int | str:
        return self.own if tid == 0 else self.others[tid].pop(0)


def test_einval_of_the_reader_itself_means_no_core_scheduling(tmp_path) -> None:
    found = read_cookies(Folder(tmp_path), [5], Prctl("EINVAL", {5: []}))
    assert (found.support, found.values) == ("EINVAL", {})
    assert "no task has a cookie" in MEANING["EINVAL"]


def test_enodev_eperm_and_esrch_are_three_statements(tmp_path) -> None:
    answers = {5: ["EPERM", "EPERM"], 6: ["ESRCH", "ESRCH"], 7: [9, 9], 8: [0, 0]}
    found = read_cookies(Folder(tmp_path), answers, Prctl(0, answers))
    assert found.support == ""
    assert found.values == {5: "EPERM", 6: "ESRCH", 7: 9, 8: 0}
    off = read_cookies(Folder(tmp_path), [5], Prctl("ENODEV", {5: ["ENODEV", "ENODEV"]}))
    assert (off.support, off.values) == ("ENODEV", {5: "ENODEV"})
    assert "come back with SMT" in MEANING["ENODEV"]
    assert len({MEANING[name] for name in ("EINVAL", "ENODEV", "EPERM", "ESRCH")}) == 4


def test_a_cookie_that_changes_between_two_sweeps_is_not_known(tmp_path) -> None:
    found = read_cookies(Folder(tmp_path), [5], Prctl(0, {5: [7, 8]}))
    assert found.values == {5: "changed while it was read"}


@pytest.mark.parametrize(
    ("text", "kind", "keeps_out"),
    [
        ("member", "member", False),
        ("root", "root", True),
        ("isolated", "isolated", True),
        ("isolated invalid", "isolated", False),
        ("root invalid (Cpu list in cpuset.cpus not exclusive)", "root", False),
    ],
)
def test_partitions(text: str, kind: str, keeps_out: bool, tmp_path) -> None:
    write(tmp_path, "sys/fs/cgroup/cgroup.controllers", "cpuset")
    write(tmp_path, "sys/fs/cgroup/cpuset.cpus.effective", "0-7\n")
    write(tmp_path, "sys/fs/cgroup/a/cpuset.cpus.partition", f"{text}\n")
    write(tmp_path, "sys/fs/cgroup/a/cpuset.cpus.effective", "2-3\n")
    found = read_cpuset(Folder(tmp_path), {"": "/a/b"})
    assert found.effective.value == {2, 3}  # of the nearest group above that says
    assert (found.partition.value.kind, found.partition.value.keeps_out) == (kind, keeps_out)


def test_version_1_cpusets_and_other_namespaces(tmp_path) -> None:
    write(tmp_path, "sys/fs/cgroup/cpuset/m/vcpu0/cpuset.cpus", "1\n")
    found = read_cpuset(Folder(tmp_path), {"cpuset": "/m/vcpu0", "": "/m"})
    assert found.effective.value == {1}
    assert not found.partition.known
    assert "namespace" in read_cpuset(Folder(tmp_path), {"": "/../x"}).effective.why


def test_of_two_cpu_options_the_last_counts() -> None:
    found = parse_qemu(
        ["q", "-cpu", "a,hv_relaxed", "-cpu", "b,+x2apic,-svm,hv-no-nonarch-coresharing=on"]
    )
    assert found.model == "b"
    expected = {"x2apic": "on", "svm": "off", "hv-no-nonarch-coresharing": "on"}
    assert found.properties == expected
    assert found.hyperv == ()
    assert parse_qemu(["q", "-cpu", "a,hv_relaxed,hv-vpindex=off"]).hyperv == ("hv-relaxed",)


def test_accelerators_and_policies() -> None:
    assert parse_qemu(["q", "-accel", "kvm", "-accel", "tcg"]).accel == ("kvm", "tcg")
    assert parse_qemu(["q", "-machine", "pc,accel=kvm:tcg"]).accel == ("kvm", "tcg")
    assert parse_qemu(["q", "-enable-kvm"]).accel == ("kvm",)
    for text, policy in (
        ("sev-snp-guest,policy=0x20000,id=a", 0x20000),
        ('{"qom-type":"sev-snp-guest","policy":196608}', 0x30000),
        ("sev-snp-guest,id=a", 0x30000),
    ):
        assert parse_qemu(["q", "-object", text]).sev.policy == policy


def test_cloud_hypervisors_command_line() -> None:
    text = "boot=2,max=4,topology=2:1:1:1,affinity=[0@[2,3],1@[0-4]],core_scheduling=vcpu"
    found = parse_cloud_hypervisor(["cloud-hypervisor", "--cpus", text])
    assert (found.vcpus, found.maximum, found.threads) == (2, 4, 2)
    assert found.pins == {0: {2, 3}, 1: {0, 1, 2, 3, 4}}
    assert found.core_scheduling == "Vcpu"


def test_raw_arguments_have_any_prefix_and_vcpus_may_be_listed() -> None:
    found = parse_domain(
        b"<domain type='kvm' xmlns:ns0='http://libvirt.org/schemas/domain/qemu/1.0'><name>a</name>"
        b"<vcpu>3</vcpu><vcpus><vcpu id='0' enabled='yes'/><vcpu id='2' enabled='yes'/></vcpus>"
        b"<ns0:commandline><ns0:arg value='-cpu'/><ns0:arg value='x'/></ns0:commandline></domain>",
        "x",
    )
    assert found.arguments == ("-cpu", "x")
    assert found.enabled == {0, 2}


@pytest.mark.parametrize(
    ("log", "value"),
    [
        ("[    0.000000] a\n[    0.1] x86/split lock detection: disabled\n", "disabled"),
        ("[    0.000000] a\n[    0.1] b\n", ""),
        ("[    5.000000] a\n", None),
    ],
)
def test_boot_messages(log: str, value: str | None) -> None:
    assert boot_message(Fact(log, "x")).value == value


def test_records_of_the_kernels_log() -> None:
    assert _line("6,1,1234567,-;hello\n SUBSYSTEM=x") == "[    1.234567] hello"


def test_kernels_say_their_release_configuration_and_parameters(tmp_path) -> None:
    write(tmp_path, "proc/version", "Linux version 6.1.0-49-amd64 (Debian 6.1.176-1) x\n")
    write(tmp_path, "boot/config-6.1.0-49-amd64", "CONFIG_A=y\n# CONFIG_SCHED_CORE is not set\n")
    write(tmp_path, "sys/module/kvm_amd/parameters/sev_snp", "Y\n")
    write(tmp_path, "sys/devices/system/cpu/vulnerabilities/l1tf", "Not affected\n")
    found = read_kernel(Folder(tmp_path))
    assert found.release.value == "6.1.0-49-amd64"
    assert found.config.value == {"CONFIG_A": "y", "CONFIG_SCHED_CORE": ""}
    assert found.modules == {"kvm_amd.sev_snp": "Y"}
    assert found.vulnerabilities == {"l1tf": "Not affected"}


def test_idle_states(tmp_path) -> None:
    for n, (name, disable) in enumerate((("POLL", "0"), ("C1", "1"))):
        write(tmp_path, f"sys/devices/system/cpu/cpu0/cpuidle/state{n}/name", f"{name}\n")
        write(tmp_path, f"sys/devices/system/cpu/cpu0/cpuidle/state{n}/disable", f"{disable}\n")
    poll, c1 = read_idle_states(Folder(tmp_path), 0)
    assert (poll.polls, poll.disabled) == (True, False)
    assert (c1.polls, c1.disabled) == (False, True)
    assert read_idle_states(Folder(tmp_path), 1) == ()
