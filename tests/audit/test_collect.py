"""vmlitmus audit collect: an archive audits as the machine does, and keeps no secret if asked."""

from __future__ import annotations

import re
import tarfile
from pathlib import Path

import pytest
from hosts import cookies, machine, qemu, recorded, thread, write

from vmlitmus.audit.collect import collect
from vmlitmus.audit.host import Wanted, audit_host
from vmlitmus.cli.main import main
from vmlitmus.host.saved.archive import Archive, archived, open_tree
from vmlitmus.host.tree import Folder
from vmlitmus.outcome.audit import Audit

SECRETS = {
    "name": "customer-payroll",
    "uuid": "d0c0ffee-1234-4321-8765-0123456789ab",
    "mac": "52:54:00:be:ef:01",
    "v4": "192.0.2.77",
    "v6": "2001:db8::beef",
    "password": "hunter2hunter2",
    "key": "c2VjcmV0LWtleS1tYXRlcmlhbA==",
    "user": "jane.roe",
    "build": "builder@build-7.example.org",
    "disk": "/srv/acme/disk.qcow2",
    "task": "acme-billing",
    "bridge": "br-acme",
    "patch": "acme_kpatchfix_7",
}
DOMAIN = """<domstatus state='running' pid='100'><vcpus><vcpu id='0' pid='101'/></vcpus>
<domain type='kvm'><name>{name}</name><uuid>{uuid}</uuid><title>{user}</title>
<vcpu current='1'>2</vcpu><cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/>
<emulatorpin cpuset='3'/></cputune><iothreads>1</iothreads>
<cpu><model>EPYC-Milan</model><topology sockets='1' dies='1' cores='2' threads='1'/></cpu>
<features><hyperv mode='custom'><relaxed state='on'/><vendor_id state='on' value='{user}'/></hyperv>
</features><devices><disk><source file='{disk}'/></disk><interface><mac address='{mac}'/>
<ip address='{v6}'/></interface></devices></domain></domstatus>"""


@pytest.fixture
def secretive(tmp_path) -> Path:
    """A machine with a secret wherever one may be."""
    root = machine(tmp_path / "root", [[0, 2], [1, 3]])
    qemu(root, 100, SECRETS["name"], ["0", "1"], rest="3")
    line = (root / "proc" / "100" / "cmdline").read_text().rstrip("\0").split("\0")
    line += ["-uuid", SECRETS["uuid"], "-device", f"virtio-net,mac={SECRETS['mac']}"]
    line += ["-vnc", f"{SECRETS['v4']}:1,password={SECRETS['password']}", "-readconfig"]
    line += [f"/etc/{SECRETS['user']}.cfg", "-drive", f"file={SECRETS['disk']}"]
    line += ["-object", f'{{"qom-type":"secret","data":"{SECRETS["key"]}"}}']
    line[line.index("-cpu") + 1] += f",hv-vendor-id={SECRETS['user']},serial={SECRETS['key']}"
    line += ["-object", f"sev-snp-guest,policy=0x30000,host-data={SECRETS['key']}"]
    write(root, "proc/100/cmdline", "\0".join(line) + "\0")
    thread(root, 100, 101, "CPU 0/KVM", "0")
    thread(root, 300, 300, SECRETS["task"], "0-3")
    write(root, "proc/300/cmdline", f"/opt/{SECRETS['task']}\0--token={SECRETS['key']}\0")
    group = f"/machine.slice/qemu-{SECRETS['name']}.scope"
    for tid in (100, 101, 102):
        write(root, f"proc/100/task/{tid}/cgroup", f"0::{group}\n")
    write(root, f"sys/fs/cgroup{group}/cpuset.cpus.effective", "0-3\n")
    write(root, f"sys/fs/cgroup{group}/cpuset.cpus.partition", "member\n")
    write(root, "sys/fs/cgroup/cgroup.controllers", "cpuset\n")
    write(root, f"run/libvirt/qemu/{SECRETS['name']}.xml", DOMAIN.format(**SECRETS))
    boot = f"root=UUID={SECRETS['uuid']} nosmt=force ip={SECRETS['v4']} {SECRETS['bridge']}\n"
    write(root, "proc/cmdline", boot)
    write(root, "proc/version", f"Linux version 6.12.107 ({SECRETS['build']}) (gcc) #1 SMP\n")
    log = f"[    0.000000] Command line: {SECRETS['bridge']}\n[    1.0] eth0 {SECRETS['mac']}\n"
    write(root, "dmesg", log)
    write(root, f"sys/kernel/livepatch/{SECRETS['patch']}/enabled", "1\n")
    cookies(root, {100: 0, 101: 5, 102: 5, 300: 0})
    table = (root / "cookies.tsv").read_text().replace("300\tx", f"300\t{SECRETS['task']}")
    write(root, "cookies.tsv", table)
    return root


def answers(audit: Audit) -> list[tuple[str, str, object]]:
    return [(j.claim, j.answer, j.for_ever) for j in audit.all_judged]


def audited(root: Path) -> Audit:
    return audit_host(open_tree(root), Wanted(for_ever=False, trust_topology=True), "x")


def test_no_secret_is_left(secretive, tmp_path) -> None:
    files = collect(Folder(secretive), anonymise=True)
    everything = b"\0".join(path.encode() + b"\0" + content for path, content in files.items())
    plain = collect(Folder(secretive), anonymise=False)
    before = b"\0".join(path.encode() + b"\0" + content for path, content in plain.items())
    for kind, secret in SECRETS.items():
        assert secret.encode() in before, kind
        assert secret.encode() not in everything, kind
    for word in re.split(r"[\W_]+", " ".join(SECRETS.values())):
        assert len(word) < 5 or word.encode() not in everything, word


def test_an_archive_audits_as_the_machine_does(secretive, tmp_path) -> None:
    expected = answers(audited(secretive))
    assert len(expected) > 10
    for anonymise in (False, True):
        path = tmp_path / f"{anonymise}.tar.zst"
        words = ["audit", "collect", "--root", str(secretive), "-o", str(path)]
        assert main(words + ["--anonymise"] * anonymise) == 0
        assert answers(audited(path)) == expected
    assert [d.name for d in audited(path).domains] == ["domain-1"]


@pytest.mark.parametrize("name", ["2vm-pinned", "2vm-cookies", "2vm-partition", "smt-off"])
@pytest.mark.parametrize("end", ["tar", "tar.gz", "tar.zst"])
def test_recorded_machines_survive(name, end, tmp_path) -> None:
    path = tmp_path / f"saved.{end}"
    path.write_bytes(archived(path.name, collect(recorded(name), anonymise=True), 0))
    now = Wanted(for_ever=False, trust_topology=True)
    assert answers(audit_host(Archive(path), now, "")) == answers(
        audit_host(recorded(name), now, "")
    )


def test_an_anonymous_tree_is_already_anonymous(secretive, tmp_path) -> None:
    first = tmp_path / "1.tar.zst"
    first.write_bytes(archived(first.name, collect(Folder(secretive), anonymise=True), 0))
    again = collect(Archive(first), anonymise=True)
    assert {p: c for p, c in again.items() if p != "unread.tsv"} == {
        p: c for p, c in Archive(first).files.items() if p != "unread.tsv"
    }


def test_why_something_was_not_read_is_kept(tmp_path) -> None:
    root = machine(tmp_path / "root", [[0, 2], [1, 3]])
    (root / "proc" / "cmdline").unlink()
    (root / "proc" / "cmdline").symlink_to("/etc/passwd")
    path = tmp_path / "saved.tar.zst"
    main(["audit", "collect", "--root", str(root), "-o", str(path)])
    assert "symbolic link" in open_tree(path).read("proc/cmdline").why


def test_only_what_is_read_is_saved(secretive, tmp_path) -> None:
    write(secretive, "etc/shadow", "root:x")
    write(secretive, "proc/100/environ", SECRETS["password"])
    path = tmp_path / "saved.tar"
    main(["audit", "collect", "--root", str(secretive), "-o", str(path)])
    with tarfile.open(path) as archive:
        names = archive.getnames()
    assert "etc/shadow" not in names
    assert not [name for name in names if name.endswith("environ")]


def test_this_machine_is_collected(tmp_path, capsys) -> None:
    path = tmp_path / "me.tar.zst"
    assert main(["audit", "collect", "-o", str(path), "--anonymise"]) == 0
    assert "files" in capsys.readouterr().out
    assert main(["audit", "host", "--root", str(path), "--now", "--claim", "NO_SMT"]) in (0, 1, 3)


def test_where_it_cannot_be_saved_is_said(tmp_path, capsys) -> None:
    assert main(["audit", "collect", "-o", str(tmp_path / "x.zip")]) == 2
    assert "has to end in one of .tar" in capsys.readouterr().err
    assert main(["audit", "collect", "-o", str(tmp_path / "no" / "x.tar")]) == 2
