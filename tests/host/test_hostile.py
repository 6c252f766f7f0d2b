"""Damaged and hostile input: one clear message or a fact with a reason, never a traceback."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tarfile
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vmlitmus.errors import HostError
from vmlitmus.host.cpus.cpulist import as_list, cpu_list, cpu_mask, libvirt_cpuset
from vmlitmus.host.cpus.topology import read_topology
from vmlitmus.host.fact import Fact
from vmlitmus.host.kernel.cmdline import options
from vmlitmus.host.kernel.split_lock import boot_message
from vmlitmus.host.saved.archive import Archive, archived, open_tree
from vmlitmus.host.tasks.cookies import parse_table
from vmlitmus.host.tasks.threads import read_process, stat_fields
from vmlitmus.host.tree import Folder, in_order, text
from vmlitmus.host.vmm.libvirt import parse_domain
from vmlitmus.host.vmm.qemu import parse_qemu, read_args
from vmlitmus.host.vmm.qmp import parse_qmp
from vmlitmus.host.vmm.rust_vmm import parse_cloud_hypervisor, parse_config

QUICK = settings(max_examples=150, deadline=None)
WORDS = st.text(max_size=60) | st.text("0123456789-,^:/[]{}()<>='\" \n\0x", max_size=60)


@given(WORDS)
@QUICK
def test_sets_of_cpus(words: str) -> None:
    for parse in (cpu_list, cpu_mask, libvirt_cpuset):
        try:
            found = parse(words)
        except ValueError:
            continue
        assert all(0 <= cpu < 1 << 16 for cpu in found)
        assert cpu_list(as_list(found)) == found


@given(st.frozensets(st.integers(0, 4096)))
@QUICK
def test_what_is_printed_as_a_list_reads_as_the_same(cpus) -> None:
    assert cpu_list(as_list(cpus)) == cpus
    if cpus:
        assert libvirt_cpuset(as_list(cpus)) == cpus


@given(WORDS | st.from_regex(r"<\w*( \w*='[^']*')*>?.*", fullmatch=True))
@QUICK
def test_libvirt(words: str) -> None:
    refused_or(lambda: parse_domain(words.encode("utf-8", "replace"), "x"))
    inside = f"<domain><vcpu current='{_safe(words)}' cpuset='{_safe(words)}'>9</vcpu></domain>"
    refused_or(lambda: parse_domain(inside.encode("utf-8", "replace"), "x"))


def _safe(words: str) -> str:
    return "".join(c for c in words if c.isprintable() and c not in "<>&'\"")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "return",
                    "cpu-index",
                    "thread-id",
                    "props",
                    "core-id",
                    "enabled",
                    "present",
                    "api-major",
                    "snp-policy",
                    "status",
                    "running",
                    "vcpus-count",
                    "config",
                    "cpus",
                    "boot_vcpus",
                    "max_vcpus",
                    "affinity",
                    "vcpu",
                    "host_cpus",
                    "machine-config",
                    "vcpu_count",
                    "topology",
                    "threads_per_core",
                    "core_scheduling",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON)
@QUICK
def test_monitors_and_configurations(value) -> None:
    content = json.dumps(value)
    refused_or(lambda: parse_qmp(content, "x"))
    refused_or(lambda: parse_config(content, "x"))


@given(WORDS)
@QUICK
def test_texts(words: str) -> None:
    refused_or(lambda: parse_qmp(words, "x"))
    refused_or(lambda: parse_config(words, "x"))
    refused_or(lambda: parse_qemu(read_args(words, "x")))
    parse_qemu(words.split("\0"))
    parse_qemu(
        ["q", "-cpu", words, "-smp", words, "-object", words, "-accel", words, "-name", words]
    )
    parse_cloud_hypervisor(["x", "--cpus", words])
    options(words)
    parse_table(words)
    stat_fields(words)
    boot_message(Fact(words, "x"))
    in_order(words.split())


def refused_or(parse) -> None:
    """Call a reader; what it raises is a HostError that names the file, or fails the test."""
    try:
        parse()
    except HostError as raised:
        error = raised
    else:
        return
    assert str(error).startswith("x:")
    assert error.exit_code == 2


@pytest.mark.parametrize("nested", ["[" * 100_000, '{"return":' * 100_000])
def test_deep_json_is_refused(nested: str) -> None:
    for parse in (parse_qmp, parse_config):
        with pytest.raises(HostError, match=r"nested too deeply|not JSON"):
            parse(nested, "x")


@pytest.mark.parametrize(
    "content",
    [
        '{"return": [{"cpu-index": 1e999, "thread-id": 1}]}',
        '{"return": [{"cpu-index": 0, "thread-id": Infinity}]}',
        '{"return": [{"cpu-index": 0, "thread-id": 1, "props": 7}]}',
        '{"return": [{"vcpus-count": 1}, 7]}',
        '{"return": {"enabled": true, "api-major": 1, "snp-policy": NaN}}',
    ],
)
def test_replies_of_another_form(content: str) -> None:
    with pytest.raises(HostError, match="x: a reply of QEMU's monitor has another form"):
        parse_qmp(content, "x")


@pytest.mark.parametrize(
    "cpus",
    [
        {"boot_vcpus": 10**12, "max_vcpus": 10**12},
        {"boot_vcpus": -1, "max_vcpus": 2},
        {"boot_vcpus": 1, "max_vcpus": 1, "topology": {"threads_per_core": 1e999}},
        {"boot_vcpus": 1, "max_vcpus": 1, "affinity": [{"vcpu": 0, "host_cpus": [1e999]}]},
    ],
)
def test_configurations_with_impossible_numbers(cpus) -> None:
    with pytest.raises(HostError, match="x: not a configuration of Cloud Hypervisor"):
        parse_config(json.dumps({"config": {"cpus": cpus}}), "x")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{}", "'cpus' is missing"),
        ("[]", "a value in it is of another kind"),
        ('{"cpus": {"boot_vcpus": []}}', "a value in it is of another kind"),
        ('{"cpus": {"boot_vcpus": 1}}', "'max_vcpus' is missing"),
    ],
)
def test_a_wrong_file_is_told_in_words(content: str, said: str) -> None:
    with pytest.raises(HostError) as caught:
        parse_config(content, "x")
    assert str(caught.value) == f"x: not a configuration of Cloud Hypervisor or Firecracker: {said}"


def test_another_document_is_named_as_it_is() -> None:
    with pytest.raises(HostError, match=r"^x: <foo> is no <domain> of libvirt$"):
        parse_domain(b"<foo/>", "x")


def test_a_list_of_cpus_costs_no_more_than_its_cpus() -> None:
    started = time.process_time()
    for parse in (cpu_list, libvirt_cpuset):
        with pytest.raises(ValueError, match="too many"):
            parse(",".join(f"{n}-65535" for n in range(60_000)))
    assert time.process_time() - started < 2


BOMB = """<?xml version="1.0"?><!DOCTYPE d [<!ENTITY a "aaaaaaaaaa">
<!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<domain><name>&c;</name></domain>"""
EXTERNAL = (
    """<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain><name>&a;</name></domain>"""
)
PARAMETER = """<!DOCTYPE d SYSTEM "http://127.0.0.1:9/x.dtd"><domain/>"""


@pytest.mark.parametrize("content", [BOMB, EXTERNAL, PARAMETER])
def test_entities_and_dtds_are_refused(content: str) -> None:
    with pytest.raises(HostError, match="x: has a DTD or entities, which libvirt never writes"):
        parse_domain(content.encode(), "x")


def test_xml_is_bounded_and_errors_name_the_line() -> None:
    with pytest.raises(HostError, match="longer than"):
        parse_domain(b"<domain>" + b" " * (9 << 20), "x")
    with pytest.raises(HostError, match=r"^x:3: not XML"):
        parse_domain(b"<domain>\n\n<a></domain>", "x")
    with pytest.raises(HostError, match="vcpupin cpuset = '0-x': '0-x' is no range of cpus"):
        parse_domain(b"<domain><cputune><vcpupin vcpu='0' cpuset='0-x'/></cputune></domain>", "x")
    deep = b"<domain>" + b"<a>" * 50_000 + b"</a>" * 50_000 + b"</domain>"
    assert parse_domain(deep, "x").name == ""


def test_links_loops_and_fifos_are_not_followed(tmp_path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    root = tmp_path / "root"
    (root / "proc").mkdir(parents=True)
    (root / "proc" / "cmdline").symlink_to(secret)
    (root / "proc" / "version").symlink_to("version")
    (root / "sys").symlink_to(tmp_path)
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "proc" / "cpuinfo")
    tree = Folder(root)
    assert not tree.live
    assert "link" in tree.read("proc/cmdline").why
    assert "link" in tree.read("proc/version").why
    assert "link" in tree.read("sys/secret").why
    assert "link" in tree.read("loop/x").why
    assert tree.read("proc/cpuinfo").why == "not a regular file"
    assert tree.names("sys") == ()
    assert not tree.read("proc/../../secret").known
    assert not tree.read("a\0b").known
    assert tree.read("a" * 300 + "/b").why == "File name too long"
    assert tree.names("a" * 300) == ()
    assert read_topology(tree).cores == ()


def test_huge_files_are_bounded(tmp_path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(1 << 40)
    started = time.process_time()
    assert "longer than" in Folder(tmp_path).read("big").why
    assert time.process_time() - started < 1


def archive(path, *members) -> None:
    with tarfile.open(path, "w") as made:
        for name, kind, content in members:
            entry = tarfile.TarInfo(name)
            entry.type = kind
            entry.size = len(content)
            entry.linkname = "/etc/passwd"
            made.addfile(entry, io.BytesIO(content))


def test_an_archive_yields_regular_files_of_the_tree_only(tmp_path) -> None:
    path = tmp_path / "a.tar"
    archive(
        path,
        ("../../etc/cron.d/x", tarfile.REGTYPE, b"x"),
        ("/proc/version", tarfile.REGTYPE, b"absolute"),
        ("proc/cmdline", tarfile.SYMTYPE, b""),
        ("proc/cpuinfo", tarfile.CHRTYPE, b""),
        ("sys/hard", tarfile.LNKTYPE, b""),
    )
    found = Archive(path)
    assert found.files == {"proc/version": b"absolute"}
    assert "left out" in found.read("proc/cmdline").why
    assert not (tmp_path.parent / "etc").exists()


def test_bombs_and_damaged_archives_are_refused(tmp_path, monkeypatch) -> None:
    from vmlitmus.host.saved import archive as module

    monkeypatch.setattr(module, "TOTAL", 1 << 20)
    for end in ("tar", "tar.gz", "tar.zst"):
        path = tmp_path / f"bomb.{end}"
        path.write_bytes(archived(path.name, {"zeros": bytes(3 << 20)}, 0))
        with pytest.raises(HostError, match="more than 1 MiB unpacked"):
            Archive(path)
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] or b"x")
        with pytest.raises(HostError):
            Archive(path)
    for content in (b"", b"not an archive", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd\0"):
        path = tmp_path / "x"
        path.write_bytes(content)
        with contextlib.suppress(HostError):
            assert open_tree(path).names("") == ()


class Vanishing:
    """A tree in which one file in three is gone when it is read."""

    live = False

    def __init__(self, tree, first: int) -> None:
        self.tree, self.count = tree, first

    def read(self, path: str, limit: int = 1 << 20):
        self.count += 1
        if self.count % 3 == 0:
            return Fact(None, f"/{path}", "gone")
        return self.tree.read(path, limit)

    def names(self, path: str):
        return self.tree.names(path)


@pytest.mark.parametrize("first", range(3))
def test_threads_that_end_while_they_are_read(first: int, tmp_path) -> None:
    for tid in range(10, 20):
        place = tmp_path / "proc" / "10" / "task" / str(tid)
        place.mkdir(parents=True)
        (place / "stat").write_text(f"{tid} (a) b) R 1\n")
        (place / "status").write_text("Name:\ta\nCpus_allowed_list:\t0-3\n")
    found = read_process(Vanishing(Folder(tmp_path), first), 10)
    assert 0 < len(found.threads) <= 10
    assert {t.allowed.why for t in found.threads if not t.allowed.known} <= {"gone"}


@given(st.data())
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_recorded_machine_with_damaged_files(data) -> None:
    """Any file of a machine may be cut, garbled or empty: facts may go, nothing else happens."""
    from pathlib import Path

    from vmlitmus.audit.host import Wanted, audit_host

    folder = Path(__file__).parents[1] / "data" / "host" / "snapshots"
    tree = Archive(folder / "2vm-partition.tar.gz")
    for path in data.draw(st.lists(st.sampled_from(sorted(tree.files)), max_size=12)):
        content = tree.files[path]
        tree.files[path] = data.draw(
            st.sampled_from([b"", content[: len(content) // 2], content[::-1], b"\xff\0\x1b[2J"])
            | st.binary(max_size=40)
        )
    found = audit_host(tree, Wanted(trust_topology=True, for_ever=False), "x")
    assert len(found.judged) == 6


def test_text_keeps_odd_bytes_as_escapes(tmp_path) -> None:
    (tmp_path / "x").write_bytes(b"a\xff\0b\0\n")
    assert text(Folder(tmp_path), "x").value == "a\\xff\0b"
