"""The audit against real domains under TCG: pins, a moved thread, hotplug, monitor, archive."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from conftest import virsh
from vmlitmus.cli.main import main
from vmlitmus.host.vmm.qmp import ask

NAME = "vmlitmus-live"
XML = f"""<domain type='qemu'><name>{NAME}</name><memory unit='MiB'>64</memory>
<vcpu placement='static' current='2'>3</vcpu>
<cputune><vcpupin vcpu='0' cpuset='0'/><vcpupin vcpu='1' cpuset='1'/></cputune>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<cpu mode='custom' match='exact'><model fallback='allow'>qemu64</model>
<topology sockets='3' cores='1' threads='1'/></cpu>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator><memballoon model='none'/></devices>
<seclabel type='none'/></domain>"""


@pytest.fixture
def domain(libvirtd, tmp_path) -> Iterator[float]:
    """A running domain; gives the seconds that creating it took."""
    (tmp_path / "domain.xml").write_text(XML)
    started = time.monotonic()
    made = virsh("create", str(tmp_path / "domain.xml"))
    spent = time.monotonic() - started
    assert made.returncode == 0, made.stderr
    try:
        yield spent
    finally:
        virsh("destroy", NAME)


def audit(capsys, *words: str) -> dict:
    main(["audit", "host", "--json", "--domain", NAME, *words])
    (found,) = json.loads(capsys.readouterr().out)["domains"]
    return found


def answer(found: dict) -> tuple[str, str]:
    (judged,) = [j for j in found["judged"] if j["claim"] == "PINNING_AS_CONFIGURED"]
    return judged["answer"], " ".join(e["value"] for e in judged["evidence"])


def vcpus(found: dict) -> dict[str, tuple[int, str]]:
    """Return thread id and affinity of each vcpu."""
    threads = found["threads"]
    return {t["role"]: (t["tid"], t["allowed"]) for t in threads if t["role"].startswith("vcpu")}


def move(tid: int, cpus: str) -> None:
    """Pin a thread elsewhere; where libvirt has given it a cpuset of its own, that goes first."""
    for line in Path(f"/proc/{tid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        mount = "cpuset" if controllers == "cpuset" else "unified" if not controllers else ""
        for place in (f"/sys/fs/cgroup/{mount}{path}", f"/sys/fs/cgroup{path}"):
            own = Path(place) / "cpuset.cpus"
            if mount and "vcpu" in path and own.exists():
                own.write_text(cpus)
    subprocess.run(["taskset", "-pc", cpus, str(tid)], check=True, capture_output=True)


def test_the_daemon_and_the_domain_are_quick(libvirtd, domain) -> None:
    print(f"libvirtd answered after {libvirtd:.1f} s, the domain was created in {domain:.1f} s")
    assert libvirtd < 30
    assert domain < 30


def test_a_pinned_domain_runs_as_configured(domain, capsys) -> None:
    found = audit(capsys)
    assert found["applies"].startswith("no KVM vcpu threads")
    assert {role: cpus for role, (_, cpus) in vcpus(found).items()} == {
        "vcpu 0": "0",
        "vcpu 1": "1",
    }
    assert answer(found) == ("true", "")


def test_a_thread_moved_behind_libvirts_back_is_seen(domain, capsys) -> None:
    tid, _ = vcpus(audit(capsys))["vcpu 0"]
    move(tid, "1")
    assert virsh("vcpupin", NAME, "--vcpu", "0").stdout.split()[-1] == "0"  # what libvirt believes
    verdict, evidence = answer(audit(capsys))
    assert verdict == "false"
    assert "vcpu 0: 1, configured 0" in evidence
    assert virsh("vcpupin", NAME, "0", "0").returncode == 0
    assert answer(audit(capsys))[0] == "true"


def test_a_plugged_vcpu_is_seen_and_floats(domain, capsys) -> None:
    plugged = virsh("setvcpus", NAME, "3", "--live")
    assert plugged.returncode == 0, plugged.stderr
    found = vcpus(audit(capsys))
    assert set(found) == {"vcpu 0", "vcpu 1", "vcpu 2"}
    assert found["vcpu 2"][1] not in ("0", "1")


def test_a_saved_host_answers_as_the_live_one(domain, capsys, tmp_path) -> None:
    live = audit(capsys)
    path = tmp_path / "host.tar.zst"
    assert main(["audit", "collect", "-o", str(path)]) == 0
    capsys.readouterr()
    saved = audit(capsys, "--root", str(path))
    assert (vcpus(saved), answer(saved)) == (vcpus(live), answer(live))


def test_the_live_description_and_the_process_belong_together(domain, capsys, tmp_path) -> None:
    status = Path("/run/libvirt/qemu") / f"{NAME}.xml"
    main(["audit", "host", "--json", "--xml", str(status)])
    (found,) = json.loads(capsys.readouterr().out)["domains"]
    assert found["source"].startswith("/proc/")
    main(["audit", "host", "--json", "--xml", str(tmp_path / "domain.xml"), "--now"])
    (found,) = json.loads(capsys.readouterr().out)["domains"]
    assert found["source"].endswith("as configured")


def test_the_monitor_of_a_qemu_of_ones_own(libvirtd, tmp_path, capsys) -> None:
    place = str(tmp_path / "qmp")
    words = ["qemu-system-x86_64", "-name", "guest=own", "-accel", "tcg,thread=multi", "-S"]
    words += ["-smp", "4,cores=2,threads=2", "-display", "none", "-m", "32", "-nodefaults"]
    qemu = subprocess.Popen([*words, "-qmp", f"unix:{place},server=on,wait=off"])
    try:
        for _ in range(100):
            if Path(place).exists():
                break
            time.sleep(0.1)
        found = ask(place)
        assert [v.index for v in found.vcpus] == [0, 1, 2, 3]
        assert [(v.core, v.thread) for v in found.vcpus] == [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert found.kvm is not None
        assert not found.kvm[0]
        main(["audit", "host", "--json", "--pid", str(qemu.pid), "--qmp", place, "--now"])
        (shown,) = json.loads(capsys.readouterr().out)["domains"]
        assert {t["role"] for t in shown["threads"]} >= {f"vcpu {n}" for n in range(4)}
    finally:
        qemu.kill()
        qemu.wait()
