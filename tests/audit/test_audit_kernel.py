"""Which fixes a kernel has: by release within its branch, by changelog, never by guessing."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from hosts import machine, write

from vmlitmus.audit.claims.fixes import asked_release, judge_fixes, read_changelog, table, upstream
from vmlitmus.audit.host import fixes_complete
from vmlitmus.cli.main import main
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome.audit import Answer
from vmlitmus.report.audit.host import kernel


def statuses(release: str, changelog: str = "", *, vendor: bool = False, livepatched: bool = False):
    found = upstream(release, "x", vendor=vendor)
    fixes = judge_fixes(found, changelog, livepatched=livepatched)
    return {fix.commit or fix.cve or fix.title: fix.status for fix in fixes}


XEN = "KVM looks for an interrupt of Xen inside srcu"
CREATE = "KVM_CREATE_VCPU looks for the id before it creates a vCPU"
BEFORE = "source VM flushed before it is no SEV VM any more"
SUBJECT = "KVM: x86/xen: Take kvm->srcu in\n      __kvm_xen_has_interrupt()"


def test_what_6_12_118_still_lacks_and_6_1_135_has() -> None:
    found = statuses("6.12.118")
    lacks = ("72d12715edcd", "745ff82199b1", "309d28576f0a", "cb923ee6a80f", "d1a3c2162334")
    for commit in (*lacks, "93de2a6a4b91", "c929d08df8be"):
        assert found[commit] == "lacks", commit
    assert statuses("6.1.135")["c929d08df8be"] == "has"
    assert statuses("6.1.134")["c929d08df8be"] == "lacks"


@pytest.mark.parametrize(
    ("release", "commit", "status"),
    [
        ("6.12.22", "d26638bfcdfc", "lacks"),  # first in 6.12.23
        ("6.12.23", "d26638bfcdfc", "has"),
        ("6.1.100", "d26638bfcdfc", "not concerned"),  # no such code
        ("6.10", "d26638bfcdfc", "not concerned"),  # introduced in 6.11
        ("6.14", "d26638bfcdfc", "cannot tell"),  # a branch that the table does not know
        ("6.18", "d26638bfcdfc", "has"),
        ("7.4", "d26638bfcdfc", "has"),
        ("6.12.999", "72d12715edcd", "cannot tell"),  # newer than what was looked at
        ("7.2.5", "98ade8c48c28", "cannot tell"),  # "7.2.8?"
        ("7.2.8", "98ade8c48c28", "has"),
        ("7.2.13", "98ade8c48c28", "has"),
        ("7.1.12", "98ade8c48c28", "cannot tell"),
        ("7.1.13", "98ade8c48c28", "has"),
        ("6.1.192", "b6408b6cec5d", "has"),
        ("6.1.192", "93de2a6a4b91", "lacks"),
        ("7.2.13", "CVE-2026-99336", "lacks"),
        ("7.3.3", "CVE-2026-99336", "has"),
        ("7.3.4", "CVE-2026-99336", "has"),
        ("7.2.8", "93de2a6a4b91", "lacks"),
        ("7.2.9", "93de2a6a4b91", "has"),
        ("7.3-rc2", "98ade8c48c28", "cannot tell"),
        ("7.3.1", "cef48693da1e", "lacks"),
        ("7.3.2", "cef48693da1e", "has"),
        ("7.2.13", "cef48693da1e", "lacks"),
        ("7.1.13", "cef48693da1e", "lacks"),
        ("7.1.13", "0060569e4f18", "has"),
        ("7.1.14", "cef48693da1e", "cannot tell"),
        ("6.12.117", XEN, "has"),
        ("6.12.116", XEN, "lacks"),
        ("7.3.1", XEN, "lacks"),
        ("7.3.2", XEN, "has"),
        ("7.2.13", XEN, "lacks"),
        ("6.1.192", XEN, "cannot tell"),
        ("7.2.13", CREATE, "lacks"),
        ("7.3", CREATE, "cannot tell"),  # there by 7.3.1, not known before
        ("7.3.4", CREATE, "has"),
        ("6.12.118", CREATE, "lacks"),
        ("4.4", CREATE, "not concerned"),
        ("6.12.117", "CVE-2026-99312", "lacks"),
        ("6.12.118", "CVE-2026-99312", "has"),
        ("7.3.4", "CVE-2026-99312", "lacks"),
        ("7.3.5", "CVE-2026-99312", "cannot tell"),
        ("7.9", "CVE-2026-99312", "has"),
        ("7.2.9", BEFORE, "lacks"),
        ("7.2.10", BEFORE, "has"),
        ("7.1.13", BEFORE, "not concerned"),  # it has no flush there
        ("5.15.153", "910c57dfa4d1", "lacks"),
        ("5.15.154", "910c57dfa4d1", "has"),
        ("6.1.83", "910c57dfa4d1", "lacks"),
        ("6.7.11", "910c57dfa4d1", "lacks"),
        ("6.7.12", "910c57dfa4d1", "has"),
        ("6.8", "910c57dfa4d1", "has"),
        ("5.10.3", "910c57dfa4d1", "not concerned"),
    ],
)
def test_releases_are_compared_within_their_branch(release, commit, status) -> None:
    assert statuses(release)[commit] == status


def test_a_vendor_is_never_said_to_lack_a_fix() -> None:
    assert "lacks" not in statuses("6.12.23", vendor=True).values()
    assert statuses("6.12.23", vendor=True)["d26638bfcdfc"] == "has"
    unknown = judge_fixes(None, "")
    assert {fix.status for fix in unknown} == {"cannot tell"}
    assert "lacks" not in statuses("6.12.23", livepatched=True).values()


def test_a_changelog_names_fixes() -> None:
    text = gzip.compress(b"  * fix (CVE-2026-31591)\n  * 72d12715edcd0011 refuse VMRUN\n")
    found = statuses("6.12.23", read_changelog(text), vendor=True)
    assert found["cb923ee6a80f"] == found["72d12715edcd"] == "has"
    assert found["309d28576f0a"] == "cannot tell"
    assert read_changelog(b"\x1f\x8bnot gzip") == ""
    longer = read_changelog(b"  * fix of another fault (CVE-2026-315912)\n")
    assert statuses("6.12.23", longer, vendor=True)["cb923ee6a80f"] == "cannot tell"


def test_a_changelog_names_a_fix_without_a_commit_by_its_subject(capsys, tmp_path) -> None:
    text = f"    - [amd64] {SUBJECT}\n"
    assert statuses("6.12.107", text, vendor=True)[XEN] == "has"
    assert statuses("6.12.107", f'    - Revert "{SUBJECT}"\n', vendor=True)[XEN] == "cannot tell"
    assert statuses("6.12.107", "    - KVM: x86/xen: Take\n", vendor=True)[XEN] == "cannot tell"
    assert main(["audit", "kernel", "--release", "7.2.13"]) == 1
    out = " ".join(capsys.readouterr().out.split())
    assert "to find it in a source: guard(srcu) in __kvm_xen_has_interrupt()" in out


@pytest.mark.parametrize("content", [b"", b"\n", b"\x1f\x8bnot gzip", b"\x7fELF\0\0", b"\xff\xfe"])
def test_a_file_that_is_no_changelog_is_refused(content: bytes, tmp_path: Path, capsys) -> None:
    """Else it would be said of each fix that the changelog does not name it."""
    path = tmp_path / "changelog"
    path.write_bytes(content)
    assert main(["audit", "kernel", "--release", "6.12.107", "--changelog", str(path)]) == 2
    assert f"{path}: not the changelog of a package" in capsys.readouterr().err


@pytest.mark.parametrize("area", sorted({row["area"] for row in table()["fix"]}))
def test_the_audit_of_a_host_asks_for_every_fix(area: str) -> None:
    """FIXES_COMPLETE is true only where vmlitmus audit kernel says of nothing that it lacks."""
    release = asked_release("9.99")
    fixes = judge_fixes(release, "")
    assert fixes_complete(release, fixes).answer is Answer.TRUE
    one = next(fix for fix in fixes if fix.area == area)
    lacks = [replace(fix, status="lacks") if fix is one else fix for fix in fixes]
    assert fixes_complete(release, lacks).answer is Answer.FALSE


def test_releases_of_distributions_are_taken_from_where_they_stand(tmp_path, capsys) -> None:
    for name, files, said in (
        ("debian", {"proc/version": "Linux version 6.1.0-49-amd64 (a) (gcc-12 (Debian 12.2.0-14) "
                    "12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP Debian 6.1.176-1 x"},
         "upstream 6.1.176, /proc/version"),
        ("own build", {"proc/version": "Linux version 6.1.0-own (a) (gcc (Debian 12.2.0-14) 12.2.0)"
                       " #1 SMP x"}, "Kernel 6.1.0-own lacks"),
        ("ubuntu", {"proc/version_signature": "Ubuntu 6.8.0-31.31-generic 6.8.1"},
         "upstream 6.8.1, /proc/version_signature"),
        ("rhel", {"proc/sys/kernel/osrelease": "5.14.0-503.el9.x86_64"}, "5.14.0-503.el9.x86_64"),
    ):  # fmt: skip
        root = tmp_path / name
        for path, content in files.items():
            write(root, path, content + "\n")
        code = main(["audit", "kernel", "--root", str(root)])
        out = " ".join(capsys.readouterr().out.split())
        assert said in out
        assert "lacks 0 of" in out
        assert code == 3


def test_exit_codes_and_what_is_listed(tmp_path, capsys) -> None:
    assert main(["audit", "kernel", "--release", "6.12.107"]) == 1
    out = capsys.readouterr().out
    assert "who can trigger it: the guest" in " ".join(out.split())
    assert "vmlitmus explain destroy-race" in out
    assert main(["audit", "kernel", "--release", "6.12"]) == 1
    assert main(["audit", "kernel", "--release", "x"]) == 2
    assert "not an upstream release" in capsys.readouterr().err
    root = machine(tmp_path, [[0]])
    assert main(["audit", "kernel", "--release", "6.12", "--root", str(root)]) == 2


def test_every_row_is_well_formed_and_its_test_is_in_the_catalogue() -> None:
    names = {test.name for test in Catalogue().tests()}
    rows = table()["fix"]
    assert len(rows) == 37
    for row in rows:
        assert row["commit"] or (row["shown_by"] and "S" in row["how"])
        assert row["commit"] or row.get("subject") or "D" not in row["how"]
        assert row["protects"]
        assert row["trigger"]
        assert not row["test"] or row["test"] in names, row["test"]
        assert set(row["branches"]) - {"7.3"} == {  # 7.3 where it is not that of mainline
            "5.15", "6.1", "6.6", "6.12", "6.18", "6.19", "7.0", "7.1", "7.2",
        }  # fmt: skip


def test_tests_of_the_table_name_the_claim_that_the_fix_protects() -> None:
    """A row's test asks about the condition of which the row says that it never comes true."""
    tests = {test.name: test for test in Catalogue().tests()}
    for row in table()["fix"]:
        if row["test"] and row["protects"].startswith("never "):
            asked = {name for c in tests[row["test"]].cells for name in c.claim.conditions}
            assert row["protects"].split(":")[0].removeprefix("never ") in asked, row["title"]


def test_a_release_that_is_asked_for() -> None:
    assert str(asked_release("6.12.107")) == "6.12.107"
    assert asked_release("7.3-rc5").candidate


@pytest.mark.parametrize(
    ("first", "told"),
    [
        ("linux (6.12.107-1) trixie; urgency=high", "names none of the fixes"),
        ("linux (6.12.117-1~bpo12+1) trixie; urgency=high", "is of 6.12.117, not of 6.12.107"),
        ("linux-aws (6.12.0-45.45) oracular; urgency=low", "names none of the fixes"),
        ("linux (6.12.107-1) trixie\n  * 72d12715edcd", None),
        ("linux (6.12.0-45.45) oracular\n  * 72d12715edcd", None),
    ],
)
def test_a_changelog_that_may_be_of_another_kernel_is_told(
    first: str, told: str | None, tmp_path: Path, capsys
) -> None:
    path = tmp_path / "changelog"
    path.write_text(first)
    assert main(["audit", "kernel", "--release", "6.12.107", "--changelog", str(path)]) == 1
    err = capsys.readouterr().err
    assert told in err if told else err == "", err


def test_a_release_of_a_distribution_is_refused_with_what_to_give(capsys) -> None:
    assert main(["audit", "kernel", "--release", "6.12.107-cloud-amd64"]) == 2
    assert "of a kernel made from 6.12.107 give that, and --changelog" in capsys.readouterr().err


def test_a_reason_that_all_share_is_told_once() -> None:
    text = kernel(judge_fixes(None), (), "of an unknown release")
    assert text.count("a vendor's kernel that does not tell its upstream release") == 1
