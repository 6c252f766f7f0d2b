"""Hosts and domains for tests, made of a few words."""

from __future__ import annotations

from pathlib import Path

from vmlitmus.host.saved.archive import open_tree

DATA = Path(__file__).parents[1] / "data" / "host"
CPU = "sys/devices/system/cpu"


def recorded(name: str):
    """Return a recorded machine by its name."""
    return open_tree(next(DATA.rglob(f"{name}.tar.gz")))


def machine(root: Path, cores: list[list[int]], smt: str = "on", offline: tuple[int, ...] = ()):
    """Write the sysfs of a machine with these cores; returns its folder."""
    online = sorted(cpu for core in cores for cpu in core)
    write(root, f"{CPU}/online", ",".join(map(str, online)) + "\n")
    write(root, f"{CPU}/smt/control", f"{smt}\n")
    write(root, "proc/cpuinfo", "processor : 0\nvendor_id : AuthenticAMD\nflags : fpu ht svm\n\n")
    write(root, "proc/cmdline", "quiet\n")
    write(root, "proc/sys/kernel/osrelease", "6.12.107\n")
    thread(root, 2, 2, "kthreadd", "0-4095", flags=0x208040, uid=0, kernel=1)
    for core in cores:
        for cpu in core:
            place = f"{CPU}/cpu{cpu}/topology/core_cpus_list"
            write(root, place, ",".join(map(str, sorted(core))) + "\n")
    for cpu in offline:
        write(root, f"{CPU}/cpu{cpu}/online", "0\n")
    return root


def write(root: Path, path: str, content: str | bytes) -> None:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode() if isinstance(content, str) else content)


def thread(
    root: Path,
    pid: int,
    tid: int,
    comm: str,
    cpus: str,
    *,
    flags: int = 0x400040,
    uid: int = 107,
    kernel: int = 0,
) -> None:
    """Write one thread of a process, as /proc shows it."""
    place = f"proc/{pid}/task/{tid}"
    fields = ["S", "1", "0", "0", "0", "-1", str(flags), *["0"] * 12, "7", *["0"] * 18, "20", "0"]
    write(root, f"{place}/stat", f"{tid} ({comm}) " + " ".join(fields) + "\n")
    lines = [f"Name:\t{comm}", f"Tgid:\t{pid}", f"Pid:\t{tid}", f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}"]
    lines += [f"Kthread:\t{kernel}", f"Cpus_allowed_list:\t{cpus}"]
    write(root, f"{place}/status", "\n".join(lines) + "\n")
    write(root, f"{place}/comm", f"{comm}\n")
    write(root, f"{place}/cgroup", "0::/\n")


def qemu(
    root: Path,
    pid: int,
    name: str,
    pins: list[str],
    *,
    smp: str = "",
    cpu: str = "EPYC-Milan",
    rest: str = "0-3",
    accel: str = "kvm",
) -> None:
    """Write a QEMU process with its vcpus and one emulator thread."""
    smp = smp or f"{len(pins)},threads=1"
    words = ["/usr/bin/qemu-system-x86_64", "-name", f"guest={name},debug-threads=on"]
    words += ["-accel", accel, "-cpu", cpu, "-smp", smp]
    write(root, f"proc/{pid}/cmdline", "\0".join(words) + "\0")
    thread(root, pid, pid, "qemu-system-x86", rest)
    for n, cpus in enumerate(pins):
        thread(root, pid, pid + 1 + n, f"CPU {n}/KVM", cpus)


def cookies(root: Path, values: dict[int, int | str]) -> None:
    """Write the table of cookies."""
    lines = ["# tgid\ttid\tcomm\tcookie"]
    lines += [
        f"{tid}\t{tid}\tx\t{v if isinstance(v, str) else hex(v)}" for tid, v in values.items()
    ]
    write(root, "cookies.tsv", "\n".join(lines) + "\n")
