"""vmlitmus audit host on machines made for it: what decides answers, and what ends them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import jsonschema
import pytest
from hosts import cookies, machine, qemu, thread, write

import vmlitmus
from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.cli.main import main
from vmlitmus.errors import UsageError
from vmlitmus.host.saved.archive import open_tree
from vmlitmus.outcome.audit import Answer, Audit, Judged

AUDIT = json.loads((Path(vmlitmus.__file__).parent / "schemas" / "audit-1.json").read_text())
PAIRS = [[0, 2], [1, 3]]
OFFLINE, PIN, CPUSET, MIGRATE = (
    ("take a cpu offline or online",),
    ("pin threads anew",),
    ("change a cpuset",),
    ("migrate the VM",),
)


def audit(root: Path, *claims: str, **wanted) -> Audit:
    return audit_host(open_tree(root), Wanted(claims=claims, **wanted), str(root))


def one(found: Audit, claim: str, domain: str = "") -> Judged:
    (judged,) = [
        j for j in found.all_judged if j.claim == claim and j.about in (domain or j.about, "host")
    ]
    return judged


def test_no_smt_lives_as_long_as_smt_control_lets_it(tmp_path) -> None:
    for smt, ends in (
        ("off", [("write to smt/control",), MIGRATE, ("hibernate the host",)]),
        ("forceoff", [MIGRATE, ("hibernate the host",)]),
        ("notsupported", [MIGRATE]),
    ):
        offline = () if smt == "notsupported" else (2, 3)
        root = machine(tmp_path / smt, [[0], [1]], smt, offline)
        judged = one(audit(root, "NO_SMT"), "NO_SMT")
        assert judged.answer is Answer.TRUE
        assert set(judged.for_ever.ends_it) == set(ends), smt


def test_one_sibling_offline_with_control_on_may_come_back(tmp_path) -> None:
    root = machine(tmp_path, [[0], [1]], "on", (2,))
    judged = one(audit(root, "NO_SMT"), "NO_SMT")
    assert judged.answer is Answer.TRUE
    assert OFFLINE in judged.for_ever.ends_it


def test_an_smt_control_that_says_nothing_leaves_for_ever_open(tmp_path) -> None:
    root = machine(tmp_path, [[0], [1]], "notimplemented")
    assert one(audit(root, "NO_SMT"), "NO_SMT").for_ever.answer is Answer.CANNOT_TELL


def test_torn_lists_a_guest_and_another_architecture_cannot_be_told(tmp_path) -> None:
    torn = machine(tmp_path / "torn", PAIRS)
    write(torn, "sys/devices/system/cpu/cpu2/topology/core_cpus_list", "2\n")
    guest = machine(tmp_path / "guest", PAIRS)
    write(guest, "proc/cpuinfo", "processor : 0\nflags : fpu hypervisor\n\n")
    other = machine(tmp_path / "other", PAIRS)
    write(other, "proc/cpuinfo", "processor : 0\nCPU architecture: 8\n\n")
    for root, word in ((torn, "contradict"), (guest, "hypervisor"), (other, "not an x86 host")):
        judged = one(audit(root, "NO_SMT"), "NO_SMT")
        assert judged.answer is Answer.CANNOT_TELL
        assert word in judged.text
    assert one(audit(guest, "NO_SMT", trust_topology=True), "NO_SMT").answer is Answer.FALSE
    assert one(audit(other, "NO_SMT", trust_topology=True), "NO_SMT").answer is not Answer.FALSE


def test_pinned_as_shown_is_true_until_somebody_changes_something(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "2"], smp="2,cores=1,threads=2")
    found = audit(root, "NO_NON_ARCH_CORE_SHARING", "ACCURATE_TOPOLOGY")
    assert one(found, "NO_NON_ARCH_CORE_SHARING").text == "all vcpus are siblings in the guest"
    ends = one(found, "ACCURATE_TOPOLOGY").for_ever.ends_it
    assert set(ends) == {("write to smt/control",), OFFLINE, PIN, CPUSET, MIGRATE}


def test_who_shows_no_siblings_but_pins_to_one_core_deceives(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, "boot/config-6.12.107", "# CONFIG_SCHED_CORE is not set\n")
    qemu(root, 100, "a", ["0", "2"], cpu="EPYC,hv-relaxed,hv-no-nonarch-coresharing=on")
    found = audit(root, "NO_NON_ARCH_CORE_SHARING", "HINT_TRUE")
    for claim in ("NO_NON_ARCH_CORE_SHARING", "HINT_TRUE"):
        judged = one(found, claim)
        assert judged.answer is Answer.FALSE
        assert "vcpu 0 on cpu 0, vcpu 1 on cpu 2" in judged.text
        assert judged.run[-1] == "vcpu 1 enters the guest on cpu 2"
        assert any(e.value == "0" and "101" in e.where for e in judged.evidence)


def test_auto_follows_kvm(tmp_path) -> None:
    on = machine(tmp_path / "on", PAIRS)
    off = machine(tmp_path / "off", [[0], [1]], "forceoff", (2, 3))
    for root, text in ((on, "does not set the bit"), (off, "and true")):
        qemu(root, 100, "a", ["0-3", "0-3"], cpu="EPYC,hv-relaxed,hv-no-nonarch-coresharing=auto")
        judged = one(audit(root, "HINT_TRUE"), "HINT_TRUE")
        assert judged.answer is Answer.TRUE
        assert text in judged.text
    assert judged.for_ever.answer is Answer.TRUE  # auto blocks migration, forceoff is for good


def test_two_vms_are_kept_apart_by_cookies_but_for_windows(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0-3"])
    qemu(root, 200, "b", ["0-3"])
    bare = audit(root, "OTHER_VMS_APART")
    assert one(bare, "OTHER_VMS_APART", "a").answer is Answer.CANNOT_TELL  # no cookies.tsv
    cookies(root, {101: 0, 201: 0})
    assert one(audit(root, "OTHER_VMS_APART"), "OTHER_VMS_APART", "a").answer is Answer.FALSE
    cookies(root, {101: 7, 201: 8})
    judged = one(audit(root, "OTHER_VMS_APART"), "OTHER_VMS_APART", "a")
    assert judged.answer is Answer.TRUE
    assert judged.but.startswith("but for the windows")
    assert ("change cookies",) in judged.for_ever.ends_it
    assert PIN not in judged.for_ever.ends_it


def test_vms_of_one_uid_may_be_trusted(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"])
    qemu(root, 200, "b", ["2"])
    cookies(root, {101: 0, 201: 0})
    strict = one(audit(root, "OTHER_VMS_APART"), "OTHER_VMS_APART", "a")
    assert "b vcpu 0 on cpu 2" in strict.text
    lenient = one(audit(root, "OTHER_VMS_APART", peer_trust="uid"), "OTHER_VMS_APART", "a")
    assert lenient.answer is Answer.TRUE


def test_enodev_leaves_cookies_open_einval_says_there_are_none(tmp_path) -> None:
    for errno, answer in (("ENODEV", Answer.CANNOT_TELL), ("EINVAL", Answer.FALSE)):
        root = machine(tmp_path / errno, PAIRS)
        qemu(root, 100, "a", ["0-3"])
        qemu(root, 200, "b", ["0-3"])
        cookies(root, {100: errno, 101: errno, 200: errno, 201: errno})
        assert one(audit(root, "OTHER_VMS_APART"), "OTHER_VMS_APART", "a").answer is answer


def test_who_has_no_cookie_is_named(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0-3", "0-3"])
    cookies(root, {100: 0, 101: 5, 102: 0})
    judged = one(audit(root, "COOKIE_COVERAGE"), "COOKIE_COVERAGE")
    assert judged.answer is Answer.FALSE
    assert "vcpu 1" in judged.evidence[0].value
    cookies(root, {100: 0, 101: 5, 102: 5, 900: 5})
    judged = one(audit(root, "COOKIE_COVERAGE"), "COOKIE_COVERAGE")
    assert judged.text == "thread 900 of another process has the same cookie"
    thread(root, 900, 900, "x", "0")
    cookies(root, {100: 0, 101: 5, 102: 5})  # a table that was cut: 900 may have the cookie
    judged = one(audit(root, "COOKIE_COVERAGE"), "COOKIE_COVERAGE")
    assert judged.text == "1 threads' cookies are not known"
    shutil.rmtree(root / "proc" / "900")
    cookies(root, {100: 0, 101: 5, 102: 5})
    judged = one(audit(root, "COOKIE_COVERAGE"), "COOKIE_COVERAGE")
    assert judged.answer is Answer.TRUE
    assert "without one: emulator 100" in judged.text


def test_a_vhost_worker_beside_a_vcpu_is_seen(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1,3")
    cookies(root, {100: 0, 101: 0, 109: 0})
    assert one(audit(root, "VMM_THREADS_APART"), "VMM_THREADS_APART").answer is Answer.TRUE
    thread(root, 100, 109, "vhost-100", "2", flags=0x404040)
    judged = one(audit(root, "VMM_THREADS_APART"), "VMM_THREADS_APART")
    assert judged.answer is Answer.FALSE
    assert judged.text == "vcpu 0 on cpu 0, vhost 109 (vhost-100) on cpu 2"


def test_a_thread_that_nothing_explains_counts_and_is_listed(tmp_path, capsys) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1,3")
    thread(root, 100, 109, "vhost-100", "2")  # the name alone says nothing
    found = audit(root, "VMM_THREADS_APART")
    (domain,) = found.domains
    assert {t.tid: t.role for t in domain.threads} == {
        100: "emulator", 101: "vcpu 0", 109: "unknown",
    }  # fmt: skip
    main(["audit", "host", "--root", str(root), "--now"])
    assert "unknown thread 109 (vhost-100)" in capsys.readouterr().out


def test_names_of_threads_count_only_where_something_else_says_so(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, "proc/100/cmdline", "/usr/bin/stranger\0")
    thread(root, 100, 100, "stranger", "0-3")
    thread(root, 100, 101, "CPU 0/KVM", "0-3")
    assert audit(root).domains == ()
    write(root, "sys/kernel/debug/kvm/100-9/vcpu0/pid", "101\n")
    (domain,) = audit(root, "NO_SMT").domains
    assert [t.role for t in domain.threads] == ["emulator", "vcpu 0"]


def test_kvm_tells_two_vms_of_one_process_apart(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    write(root, "proc/100/cmdline", "/usr/bin/stranger\0")
    for tid in (100, 101, 102):
        thread(root, 100, tid, "x", "0-3")
    cookies(root, {101: 0, 102: 0})
    write(root, "sys/kernel/debug/kvm/100-9/vcpu0/pid", "101\n")
    write(root, "sys/kernel/debug/kvm/100-12/vcpu0/pid", "102\n")
    found = audit(root, "OTHER_VMS_APART")
    assert [d.name for d in found.domains] == ["process 100 (100-9)", "process 100 (100-12)"]
    assert {j.answer for d in found.domains for j in d.judged} == {Answer.FALSE}


STATUS = """<domstatus state='running' pid='100'><vcpus><vcpu id='0' pid='101'/></vcpus>
<domain type='kvm'><name>{name}</name><vcpu>1</vcpu>
<cputune><vcpupin vcpu='0' cpuset='1'/></cputune></domain></domstatus>"""


def test_a_thread_that_was_moved_behind_libvirts_back(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["2"])
    write(root, "run/libvirt/qemu/a.xml", STATUS.format(name="a"))
    judged = one(audit(root, "PINNING_AS_CONFIGURED"), "PINNING_AS_CONFIGURED")
    assert judged.answer is Answer.FALSE
    assert judged.evidence[0].value == "vcpu 0: 2, configured 1"
    thread(root, 100, 101, "CPU 0/KVM", "1")
    judged = one(audit(root, "PINNING_AS_CONFIGURED"), "PINNING_AS_CONFIGURED")
    assert judged.answer is Answer.TRUE


def test_a_vcpu_that_may_be_plugged_without_a_pin_ends_it(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "1"], smp="2,maxcpus=3,threads=1")
    judged = one(audit(root, "NO_NON_ARCH_CORE_SHARING"), "NO_NON_ARCH_CORE_SHARING")
    assert judged.answer is Answer.TRUE
    assert ("plug a vcpu",) in judged.for_ever.ends_it


def test_who_does_not_see_all_processes_cannot_tell_of_all(tmp_path) -> None:
    """In a container, or with hidepid, other VMs and tasks may be there unseen."""
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"], rest="1")
    thread(root, 300, 300, "x", "1,3")
    cookies(root, {100: 0, 101: 0, 300: 0})
    claims = ("OTHER_VMS_APART", "HOST_TASKS_APART")
    assert {one(audit(root, c), c).answer for c in claims} == {Answer.TRUE}
    shutil.rmtree(root / "proc" / "2")
    for claim in claims:
        judged = one(audit(root, claim), claim)
        assert judged.answer is Answer.CANNOT_TELL
        assert "not every process" in judged.text


def test_tcg_is_not_judged(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0", "1"], accel="tcg")
    (domain,) = audit(root).domains
    assert domain.judged == ()
    assert "TCG" in domain.applies


def test_a_split_lock_on_a_fatal_host_ends_the_vm(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    claims = ("SPLIT_LOCK_GUEST_LIVES", "SPLIT_LOCK_NEIGHBOUR_SEEN")
    told = "[    0.000000] x\n[    0.100000] x86/split lock detection: #AC: crashing the kernel on "
    for message, answers in (
        ("kernel split_locks and warning on user-space split_locks", (Answer.TRUE, Answer.FALSE)),
        (
            "kernel split_locks and sending SIGBUS on user-space split_locks",
            (Answer.FALSE, Answer.TRUE),
        ),
    ):
        write(root, "dmesg", told + message + "\n")
        found = audit(root, *claims)
        assert tuple(one(found, claim).answer for claim in claims) == answers
    write(root, "dmesg", "[   12.000000] wrapped\n")
    assert one(audit(root, claims[0]), claims[0]).evidence[0].where.startswith("/proc/cpuinfo")


def test_snp_policy_and_smt_protection(tmp_path) -> None:
    root = machine(tmp_path, PAIRS)
    for policy, answer in (("0x30000", Answer.FALSE), ("0x20000", Answer.TRUE)):
        xml = f"""<domain type='kvm'><name>s</name><vcpu>1</vcpu>
        <launchSecurity type='sev-snp'><policy>{policy}</policy></launchSecurity></domain>"""
        write(root, "s.xml", xml)
        code = main(["audit", "host", "--root", str(root), "--xml", str(root / "s.xml"), "--now",
                     "--claim", "SNP_FORBIDS_SMT"])  # fmt: skip
        assert code == {Answer.TRUE: 0, Answer.FALSE: 1}[answer]


@pytest.mark.parametrize(
    ("mask", "answer", "said"),
    [
        ("0x20", Answer.FALSE, "bit 15 stays clear"),
        ("0x8020", Answer.CANNOT_TELL, "encrypted VMSA"),
        (None, Answer.FALSE, "KVM of 6.12.107"),
    ],
)
def test_kvm_says_itself_whether_it_knows_smt_protection(tmp_path, mask, answer, said) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["0"])
    if mask:
        write(root, "sev_features", mask + "\n")
    judged = one(audit(root, "SMT_PROTECTION"), "SMT_PROTECTION")
    assert judged.answer is answer and said in judged.text


def test_the_mask_of_sev_features_is_asked_of_kvm(tmp_path) -> None:
    import errno

    from vmlitmus.host.kernel.sev_features import read_sev_features
    from vmlitmus.host.tree import Folder

    def fails(number: int) -> int:
        raise OSError(number, "x")

    tree = Folder(tmp_path)
    assert read_sev_features(tree, lambda: 0x8020).value == 0x8020
    for number, why in ((errno.ENXIO, "no SEV guests"), (errno.ENOENT, "absent")):
        assert why in read_sev_features(tree, lambda number=number: fails(number)).why


def test_a_claim_that_is_asked_is_answered(tmp_path) -> None:
    """Nobody reads "true" of a claim that could not be judged."""
    root = machine(tmp_path, PAIRS)
    base = ["audit", "host", "--root", str(root), "--now", "--claim"]
    assert main([*base, "OTHER_VMS_APART"]) == 3  # no VM is seen, and debugfs is not there
    write(root, "sys/kernel/debug/kvm/exits", "0\n")
    assert main([*base, "OTHER_VMS_APART"]) == 0  # KVM shows that there is none
    qemu(root, 100, "a", ["0", "1"], accel="tcg")
    assert main([*base, "OTHER_VMS_APART"]) == 3
    qemu(root, 100, "a", ["0", "1"])
    assert main([*base, "SNP_FORBIDS_SMT"]) == 3
    assert main([*base, "PINNING_AS_CONFIGURED"]) == 3


def test_a_vcpu_that_is_not_seen_makes_nothing_true(tmp_path) -> None:
    """Threads of KVM's list, of libvirt's or of -smp that are not there, or have no vcpu."""
    root = machine(tmp_path, PAIRS)
    claims = ("NO_NON_ARCH_CORE_SHARING", "OTHER_VMS_APART", "VMM_THREADS_APART")
    qemu(root, 100, "a", ["0"], smp="2,threads=1", rest="1")
    qemu(root, 200, "b", ["1"], rest="3")
    cookies(root, dict.fromkeys((100, 101, 200, 201), 0))
    found = audit(root, *claims)
    for claim in claims:
        judged = one(found, claim, "a")
        assert judged.answer is Answer.CANNOT_TELL
        assert judged.text == "2 vcpus are configured, the threads of 1 are known"
    assert one(found, "OTHER_VMS_APART", "b").answer is Answer.CANNOT_TELL
    assert one(found, "NO_NON_ARCH_CORE_SHARING", "b").answer is Answer.TRUE
    place = "sys/kernel/debug/kvm/100-9"
    for vcpu, said in (("101\n", ""), ("109\n", "runs in thread 109"), ("10", "could not be read")):
        write(root, f"{place}/vcpu0/pid", "101\n")
        write(root, f"{place}/vcpu1/pid", vcpu)
        judged = one(audit(root, claims[0]), claims[0], "a")
        assert (judged.answer is Answer.CANNOT_TELL) == bool(said) and said in judged.text
    write(root, f"{place}/vcpu1/pid", "0\n")  # KVM has it, no thread has run it yet
    assert one(audit(root, claims[0]), claims[0], "a").answer is Answer.TRUE


def test_a_domain_fits_a_screen_and_json_is_as_the_schema_says(
    tmp_path, capsys, monkeypatch
) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, "a", ["2", "0-3", "1"], smp="4,maxcpus=5,threads=2")
    qemu(root, 200, "b", ["1", "3"], smp="2,cores=1,threads=2", rest="0-3")
    cookies(root, {100: 0, 101: 5, 102: 6, 103: 5, 200: 0, 201: 0, 202: 0})
    write(root, "run/libvirt/qemu/a.xml", STATUS.format(name="a"))
    found = audit(root)  # once for all reports
    monkeypatch.setattr("vmlitmus.audit.host.audit_host", lambda *_: found)
    main(["audit", "host", "--root", str(root)])
    out = capsys.readouterr().out
    for block in out.split("\n\n"):
        assert block.count("\n") < 24, block
    assert max(map(len, out.splitlines())) <= 79
    main(["audit", "host", "--root", str(root), "-v"])
    assert " ..." not in capsys.readouterr().out
    assert main(["audit", "host", "--root", str(root), "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    jsonschema.validate(data, AUDIT)
    assert data["schema"] == "vmlitmus/audit/1"


def test_exit_codes_and_their_order(tmp_path) -> None:
    off = machine(tmp_path / "off", [[0], [1]], "forceoff", (2, 3))
    on = machine(tmp_path / "on", PAIRS)
    write(on, "dmesg", "")
    base = ["audit", "host", "--now", "--claim", "NO_SMT", "--root"]
    assert main([*base, str(off)]) == 0
    assert main([*base, str(on)]) == 1
    (on / "proc" / "cpuinfo").unlink()
    assert main([*base, str(on)]) == 3
    assert main([*base, str(on), "--claim", "FIXES_COMPLETE"]) == 1  # 1 goes before 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--claim", "NO_SMTT"], "unknown claim 'NO_SMTT'; did you mean 'NO_SMT'?"),
        (["--domain", "nobody"], "unknown domain 'nobody'"),
        (["--pid", "9"], "there is no process 9"),
        (["--peer-trust", "uids"], "did you mean 'uid'?"),
        (["--xml", "nowhere.xml"], "nowhere.xml: No such file"),
        (["--qmp", "nowhere"], "nowhere: No such file"),
        (["--root", "nowhere"], "nowhere: neither a folder nor an archive"),
    ],
)
def test_wrong_words_are_named(words, said, tmp_path, capsys) -> None:
    root = machine(tmp_path, PAIRS)
    assert main(["audit", "host", "--root", str(root), *words]) == 2
    assert said in capsys.readouterr().err


def test_json_of_a_kernel_is_as_the_schema_says(capsys) -> None:
    main(["audit", "kernel", "--release", "6.12.107", "--json"])
    jsonschema.validate(json.loads(capsys.readouterr().out), AUDIT)


def test_prometheus_samples(tmp_path, capsys) -> None:
    root = machine(tmp_path, PAIRS)
    qemu(root, 100, 'a"\n\\b', ["0", "1"])
    main(["audit", "host", "--root", str(root), "--format", "prometheus", "--now"])
    out = capsys.readouterr().out
    assert 'vmlitmus_claim{claim="NO_SMT",about="host"} 0' in out
    assert 'vmlitmus_claim{claim="NO_NON_ARCH_CORE_SHARING",about="a\\"\\n\\\\b"} 1' in out
    assert all(line.startswith(("#", "vmlitmus_")) for line in out.splitlines() if line)


def test_a_claim_that_is_unknown_is_refused_by_the_library_too() -> None:
    with pytest.raises(UsageError, match="did you mean"):
        Wanted(claims=("NO_SM",)).check()


def test_no_message_has_the_words_of_python(tmp_path: Path, capsys) -> None:
    """A host without smt/control; the page of one on which a claim would end."""
    page = tmp_path / "page.html"
    trees = Path(__file__).parent.parent / "data" / "host"
    flat = trees / "topology" / "hwloc-16amd64-8n2c-cpusets.tar.gz"
    for root in (flat, trees / "snapshots" / "2vm-cookies.tar.gz"):
        asked = ["--root", str(root), "--trust-topology", "--html", str(page)]
        main(["audit", "host", "-v", *asked])
        told = capsys.readouterr().out + page.read_text().partition("<main")[2]
        assert not re.findall(r"\b(?:None|True|False)\b", told)
    assert "For ever: no." in page.read_text()
