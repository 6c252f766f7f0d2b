"""Which findings a kernel still has: what was read, and of other releases no more than that."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import jsonschema
import pytest
from hosts import write

import vmlitmus
from vmlitmus.audit.claims.findings import judge_findings, table
from vmlitmus.audit.claims.fixes import judge_fixes, upstream
from vmlitmus.audit.claims.fixes import table as fix_table
from vmlitmus.cli.main import main
from vmlitmus.outcome.audit import UNMENDED, Finding

SCHEMA = json.loads((Path(vmlitmus.__file__).parent / "schemas" / "audit-1.json").read_text())
XEN = "KVM_SET_LAPIC looks for a memslot outside srcu"
CREATE = "KVM_CREATE_VCPU that gets no file descriptor leaves a freed vcpu in the table"
KEXEC = "kexec does not write back its own cpu"
MOVE = "After an intra-host migration no flush reaches the source's cpus"
MASK = "The mask of a VM that was moved away leaks"
PUNCH = "PUNCH_HOLE walks reverse maps that a deleted memslot does not have"


def found(release: str, title: str, *, vendor: bool = False, livepatched: bool = False) -> Finding:
    kernel = upstream(release, "x", vendor=vendor)
    return next(f for f in judge_findings(kernel, livepatched=livepatched) if f.title == title)


@pytest.mark.parametrize(
    ("release", "title", "status", "why"),
    [
        ("7.2.13", XEN, "has", "read in 7.2.13"),
        ("7.3.4", XEN, "mended", "read in 7.3.4"),
        ("6.12.118", XEN, "mended", "read in 6.12.118"),
        ("7.3.2", XEN, "mended", "since 7.3.2"),
        ("7.3.9", XEN, "mended", "since 7.3.2"),
        ("7.3.1", XEN, "not read", "7.3.4 has mended it"),
        ("7.2.10", XEN, "not read", "7.2.8 and 7.2.13 have it"),
        ("7.2.14", XEN, "not read", "7.2.13 has it"),
        ("7.2.2", XEN, "not read", "7.2.8 has it"),
        ("6.12.110", XEN, "not read", "6.12.107 has it, 6.12.117 has mended it"),
        ("7.2-rc3", XEN, "not read", "7.2.8 has it"),
        ("7.4", XEN, "not known", "as no release of 7.4 was read for them"),
        ("7.2.9", MOVE, "not read", "7.2.8 has it, 7.2.13 has mended it"),
        ("7.2.10", MOVE, "mended", "since 7.2.10"),
        ("7.3.3", CREATE, "not read", "7.3.4 has mended it"),
        ("7.3.5", CREATE, "mended", "read in 7.3.4"),
        ("6.18", KEXEC, "mended", "since 6.18"),
        ("6.19.3", KEXEC, "mended", "since 6.18"),
        ("6.18-rc2", KEXEC, "not known", "as no release of 6.18 was read for them"),
        ("6.12.118", MASK, "not concerned", "read in 6.12.118"),
        ("6.12.112", MASK, "not read", "6.12.107 and 6.12.117 have it not"),
        ("6.12.118", PUNCH, "has", "read in 6.12.118"),
    ],
)
def test_what_is_said_of_a_release(release: str, title: str, status: str, why: str) -> None:
    finding = found(release, title)
    assert (finding.status, finding.why) == (status, why)


def test_a_vendor_may_have_mended_it_and_so_may_a_livepatch() -> None:
    assert found("7.2.13", PUNCH, vendor=True).status == "not read"
    assert "7.2.13 as it is upstream has it" in found("7.2.13", PUNCH, vendor=True).why
    assert found("7.2.13", PUNCH, livepatched=True).status == "not read"
    assert found("7.3.4", XEN, vendor=True).status == "mended"
    assert {f.status for f in judge_findings(None)} == {"not known"}


@pytest.mark.parametrize("release", ["6.6.50", "5.10", "7.4", "9.9.9"])
def test_a_branch_that_nobody_read_has_no_finding_for_certain(release: str) -> None:
    told = {f.status for f in judge_findings(upstream(release, "x", vendor=False))}
    assert "has" not in told
    assert "not read" not in told


def test_what_mended_a_finding_is_named() -> None:
    assert found("7.2.13", XEN).mended_by == "6.12.117, 7.3.2"
    assert found("7.2.13", CREATE).mended_by == "7.3.4"
    assert found("7.2.13", PUNCH).mended_by == UNMENDED


def test_findings_of_other_programs_are_left_out() -> None:
    titles = {f.title for f in judge_findings(None)}
    others = {row["title"] for row in table() if "of" in row}
    assert others
    assert titles == {row["title"] for row in table()} - others


def test_json_has_every_finding(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "kernel", "--release", "7.2.13", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    jsonschema.validate(told, SCHEMA)
    kernel = upstream("7.2.13", "x", vendor=False)
    assert [f["title"] for f in told["findings"]] == [f.title for f in judge_findings(kernel)]
    del told["findings"]  # what an earlier release printed is still of the schema
    for row in told["fixes"]:
        del row["shown_by"]
    jsonschema.validate(told, SCHEMA)


def test_text_lists_what_a_kernel_has_with_a_command_to_copy(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["audit", "kernel", "--release", "7.2.13"]) == 1
    out = capsys.readouterr().out
    words = " ".join(out.split())
    for finding in judge_findings(upstream("7.2.13", "x", vendor=False)):
        assert (f"HAS {finding.title} needs: {finding.needs}" in words) == (finding.status == "has")
        if finding.status == "has":
            assert f"vmlitmus explain {shlex.quote(finding.test)}\n" in f"{out}\n"
    assert "Findings that hurt the host:" in out
    assert "mended by: 6.12.117, 7.3.2" in out
    assert UNMENDED not in out  # no line says that there is none
    main(["audit", "kernel", "--release", "7.2.10"])
    assert "(7.2.8 and 7.2.13 have it)" in capsys.readouterr().out


def test_findings_are_chosen_by_whom_they_hurt(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "kernel", "--release", "7.2.13", "--hurts", "tenant", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)["findings"]
    assert {f["hurts"] for f in told} == {"another tenant"}
    assert main(["audit", "kernel", "--release", "7.2.13", "--hurts", "nobody"]) == 2


def test_findings_do_not_change_the_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "proc/sys/kernel/osrelease", "5.14.0-503.el9.x86_64\n")
    assert main(["audit", "kernel", "--root", str(tmp_path)]) == 3
    assert "not known, as it does not tell its upstream release" in " ".join(
        capsys.readouterr().out.split()
    )
    assert main(["audit", "kernel", "--release", "9.9"]) == 0


def test_the_page_has_the_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    main(["audit", "kernel", "--release", "7.2.13", "--html", str(page)])
    text = page.read_text()
    assert XEN in text
    assert MASK not in text  # mended there
    main(["audit", "kernel", "--release", "6.6.50", "--html", str(page)])
    assert XEN not in page.read_text()


def pairs() -> list[tuple[str, str]]:
    """Return findings and fixes with the same test: the fix mends the finding."""
    fixes = {row["test"]: row["title"] for row in fix_table()["fix"] if row["test"]}
    tests = {row["title"]: row["test"].split("[")[0] for row in table()}
    return [(title, fixes[test]) for title, test in tests.items() if test in fixes]


@pytest.mark.parametrize(("title", "fixed"), pairs())
def test_the_two_tables_say_the_same_of_a_release_that_was_read(title: str, fixed: str) -> None:
    row = next(row for row in table() if row["title"] == title)
    for key, wrong in (("has", "has"), ("mended", "lacks")):
        for release in row.get(key, ()):
            fixes = judge_fixes(upstream(release, "x", vendor=False))
            assert next(fix for fix in fixes if fix.title == fixed).status != wrong, release


def test_some_findings_have_a_fix() -> None:
    assert {XEN, CREATE, MASK} <= {title for title, _ in pairs()}
