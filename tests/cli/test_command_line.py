"""The command line: transcripts, exit codes, wrong input."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import jsonschema
import pytest
from cli_call import GOOD, vmlitmus

SCHEMAS = Path(__import__("vmlitmus").__file__).parent / "schemas"


def test_check_of_a_file(tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    code, out, _ = vmlitmus(capsys, "check", str(path))
    assert code == 0
    assert "violated    mine" in out
    assert "1 of 1 as expected" in out


def test_unexpected_verdict_is_exit_1(tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace('"violated"', '"holds"'))
    code, out, _ = vmlitmus(capsys, "check", str(path))
    assert code == 1
    assert "(expected: holds)" in out


def test_time_limit_is_inconclusive(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "check", "wished-protocol", "--time-limit", "0.001")
    assert code == 3
    assert "the time limit was reached" in out


def test_memory_limit_is_inconclusive(capsys) -> None:
    args = ("check", "wished-protocol", "--engine", "compiled", "--memory-limit", "64K")
    code, out, _ = vmlitmus(capsys, *args)
    assert code == 3
    assert "the memory limit was reached" in out


def test_json_follows_its_schema(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "check", "mask-*", "page-reused", "--json")
    found = json.loads(out)
    jsonschema.validate(found, json.loads((SCHEMAS / "outcome-1.json").read_text()))
    assert code == 0
    assert [t["verdict"] for t in found["tests"]].count("violated") == 1


def test_table_json_follows_its_schema(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "table", "unregister-mask", "--json")
    found = json.loads(out)
    jsonschema.validate(found, json.loads((SCHEMAS / "table-1.json").read_text()))
    assert code == 0
    assert len(found["tables"][0]["cells"]) == 2


@pytest.mark.parametrize("layout", ["terminal", "markdown", "csv"])
def test_table_formats(capsys, layout: str) -> None:
    code, out, _ = vmlitmus(capsys, "table", "wbnoinvd-reclaim", "--format", layout)
    assert code == 0
    assert out.count("holds") >= 2


def test_tables_by_claim_come_first(capsys) -> None:
    _, out, _ = vmlitmus(capsys, "table", "page-state")
    heads = [line.partition(":")[0] for line in out.splitlines()]
    claims = ("unbind-beside-a-memory-error", "page-that-cannot-be-assigned", "svsm-zeroes-a-vmsa")
    found = [heads.index(name) for name in (*claims, "allocate-prepares-nothing")]
    assert found == sorted(found)
    assert found[0] == 0


def test_reports_are_at_most_75_columns_of_ascii(capsys) -> None:
    for name in ("drop-destroy-flush-snp-dma", "v3-two-reclaimers", "wished-protocol"):
        code, out, _ = vmlitmus(capsys, "explain", name)
        assert code == 0
        assert max(map(len, out.splitlines())) <= 75
        assert out.isascii()


def test_explain_cites_the_thread_by_subject(capsys) -> None:
    _, out, _ = vmlitmus(capsys, "explain", "drop-destroy-flush-snp-dma")
    assert "Kevin Loughlin, 2024-12-04" in out
    assert ".txt" not in out
    assert "cpu0 evicts a dirty" in out


def test_replay(capsys) -> None:
    steps = "vcpu_load(vcpu0,cpu0) enter_guest.1"
    code, out, _ = vmlitmus(capsys, "replay", "reclaim-no-flush", "--steps", steps)
    assert code == 0
    assert "sets IN_GUEST_MODE" in out


@pytest.mark.parametrize("what", ["topics", "mechanisms", "claims", "parts", "assumptions"])
def test_list(capsys, what: str) -> None:
    code, out, _ = vmlitmus(capsys, "list", what)
    assert code == 0
    assert out.strip()


WRONG_LINES = [
    (["chek"], "did you mean 'check'"),
    (["check", "no-such-test"], "no topic, test or path matches 'no-such-test'"),
    (["check", "."], ".: a folder: the name of a litmus file ends in .toml"),
    (["check", "reclaim-no-flsh"], "did you mean 'reclaim-no-flush'"),
    (["check", "missing.toml"], "missing.toml: No such file"),
    (["check", "/"], "not a regular file"),
    (["check", "--engine", "fast"], "fast"),
    (["check", "--time-limit", "-1"], "not a positive number"),
    (["check", "--time-limit", "soon"], "soon"),
    (["check", "--memory-limit", "lots"], "'lots': not a size"),
    (["check", "--model", "absent.py"], "absent.py: no such file"),
    (["check", "--model", "."], ".: not a Python file"),
    (["check", "--colour"], "--colour"),
    (["explain"], "TEST"),
    (["explain", "unregister-mask[cache_flush=evr-ran]"], "did you mean"),
    (["table", "reclaim-flush"], "no test with a [matrix]"),
    (["explain", "reclaim-flush", "--reach", "page-resued"], "did you mean 'page-reused'"),
    (["list", "things"], "things"),
    (["list", "tests", "cache-flash"], "did you mean 'cache-flush'"),
    (["replay", "reclaim-flush", "--steps", "fly"], "step 1, 'fly', is not enabled"),
    (["replay", "unregister-mask", "--steps", "x"], "2 cells"),
    (["new", "mechanism", "Bad Name"], "a name has small letters"),
    (["new", "test", "x", "-o", "/no/such"], "not a folder"),
    (["check", "page-reused", "-o", "/"], "is a directory"),
    (["check", "page-reused", "-o", "/no/such/file"], "there is no folder /no/such"),
    (["check", "page-reused", "-o", "/dev/full"], "No space left"),
]


@pytest.mark.parametrize(("args", "message"), WRONG_LINES)
def test_wrong_command_lines(capsys, args: list[str], message: str) -> None:
    code, _, err = vmlitmus(capsys, *args)
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("given", ["mine", "mine.tml", "mine.tom"])
def test_a_file_beside_is_offered(given: str, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.toml").write_text(GOOD)
    Path("model.py").write_text("")
    code, _, err = vmlitmus(capsys, "check", given)
    assert code == 2
    assert err == f"vmlitmus: no topic, test or path matches {given!r}; did you mean 'mine.toml'?\n"
    code, _, err = vmlitmus(capsys, "check", "model.py")
    assert code == 2
    assert "model.py: no litmus file" in err and "a model is given with --model" in err


WRONG_FILES = [
    ("Is it safe?", "Is it safe.", 1, "ends with '?'"),
    ('question = "Is it safe?"\n', "", None, "question is missing"),
    ('source = "somewhere"', "source = 3", 2, "source = 3: not a text"),
    ('"violated"', '"violatd"', 3, "did you mean 'violated'"),
    ('expect = "violated"', "expect = 1", 3, "expect = 1"),
    ('decided_by = "model"', 'decided_by = "nodel"', 5, "did you mean 'model'"),
    ('"cache-flush"', '"cache-flash"', 6, "did you mean 'cache-flush'"),
    ("[kvm]", "[kwm]", 7, "unknown key 'kwm'"),
    ("[kvm]", "[[kvm]]", 7, "is not a table"),
    ("cache_flush = ", "cache_fluhs = ", 8, "did you mean 'kvm.cache_flush'"),
    ('"none"', '"nona"', 8, "did you mean 'none'"),
    ('"none"', "7", 8, "unknown mechanism '7'"),
    ("[environment]", "[enviroment]", 9, "did you mean 'environment'"),
    ("allow = [", "alow = [", 10, "alow"),
    ('"eviction"', '"evictoin"', 10, "did you mean 'eviction'"),
    ('["guest-write"', '[1, "guest-write"', 10, "not a list of texts"),
    ("never =", "nevr =", 12, "did you mean 'never'"),
    ('"stale-encrypted-line"', '"stale-line"', 12, "unknown condition 'stale-line'"),
    ('never = "stale-encrypted-line"\n', "", 11, "exactly one of"),
    ("[claim]\n", "[claim]\npossible = 'page-reused'\n", 11, "exactly one of"),
    ("[claim]", "[assume]\nmoon = true\n[claim]", 12, "unknown assumption 'moon'"),
    ("[claim]", "[assume]\nlast-unmap-frees = 3\n[claim]", 12, "not true, false or a word"),
    ("[claim]", "[machine]\ncores = 9\n[claim]", 12, "not an integer in 1..4"),
    ("[claim]", "[machine]\nsme_coherent = 'yes'\n[claim]", 12, "not true or false"),
    ("[claim]", "[[vm]]\nkind = 'sevv'\n[claim]", 12, "did you mean 'sev'"),
    ("[claim]", "[vm]\nkind = 'sev'\n[claim]", 11, "write [[vm]]"),
    ("[claim]", "[matrix]\n'kvm.cashe_flush' = ['none']\n[claim]", 12, "kvm.cache_flush"),
    ("[claim]", "[matrix]\n'kvm.cache_flush' = 'none'\n[claim]", 12, "not a list of values"),
    ("[claim]", "[matrix]\nobserve = ['nothing']\n[claim]", 12, "unknown condition 'nothing'"),
    ('"none"', '"none"\nwithout = ["flush on reclam"]', 9, "did you mean 'flush on reclaim'"),
    ("allow = [", "at_most = {eviction = 99}\nallow = [", 10, "not an integer in 0..63"),
    ("allow = [", "at_most = {hotplug = 1}\nallow = [", 10, "hotplug"),
    ("allow = [", "limit = 1\nallow = [", 10, "write [[environment.limit]]"),
    ("allow = [", "limit = [{ of = ['eviction'] }]\nallow = [", 10, "at_most is missing"),
    ("allow = [", "limit = [{ off = 1 }]\nallow = [", 10, "did you mean 'of'"),
    ("allow = [", "limit = [{ of = ['evction'], at_most = 1 }]\nallow = [", 10, "'eviction'"),
    ("allow = [", "limit = [{ of = ['eviction'], at_most = 64 }]\nallow = [", 10, "in 0..63"),
    (
        "allow = [",
        "limit = [{ of = ['eviction'], at_most = 1, by = 'cpu7' }]\nallow = [",
        10,
        "did you mean 'cpu1'",
    ),
    ("allow = [", "only_when = 'soon'\nallow = [", 10, "not a table"),
    ("allow = [", "only_when = { eviction = 'soon' }\nallow = [", 10, "condition 'soon'"),
    ("allow = [", "only_when = { hotplug = 'page-reused' }\nallow = [", 10, "hotplug"),
    ("allow = [", "fair = { eviction = 'weekly' }\nallow = [", 10, "did you mean 'weak'"),
    ("allow = [", "fair = { eviction = 1 }\nallow = [", 10, "not a text"),
    ("[claim]", "[claim", 11, ""),
    ("question", "\x00", None, ""),
    ("expect = ", "wide = 3\nexpect = ", 3, "wide = 3"),
    ("topic = ", "[assume]\ntopic = ", 7, "topic stands in [assume]; it belongs above all tables"),
    ("[claim]\n", "", 11, "never stands in environment; it belongs in [claim]"),
    ("[environment]\n", "", 9, "allow stands in kvm; it belongs in [environment]"),
    ("[claim]", "[matrix]\nvm.pages = [1]\n[claim]", 12, 'has quotes: "vm.pages" = [...]'),
    ("[claim]", "[matrix]\ncache_flush = ['none']\n[claim]", 12, "mean 'kvm.cache_flush'"),
    ('source = "somewhere"\n', "", None, "source is missing where a file says what it expects"),
]


@pytest.mark.parametrize(("old", "new", "line", "message"), WRONG_FILES)
def test_wrong_litmus_files(tmp_path, capsys, old, new, line, message) -> None:
    assert old in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(old, new, 1))
    code, out, err = vmlitmus(capsys, "check", str(path))
    assert code == 2
    shown = out + err
    assert message in shown
    assert "mine.toml" in shown
    assert "Traceback" not in shown
    if line is not None:
        assert f"mine.toml:{line}:" in shown


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"x" * (1 << 21)])
def test_files_that_are_no_text(tmp_path, capsys, data: bytes) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(data)
    code, _, err = vmlitmus(capsys, "check", str(path))
    assert code == 2
    assert "mine.toml" in err


def test_mutated_litmus_files_never_crash(tmp_path, capsys) -> None:
    source = random.Random(20)
    path = tmp_path / "mine.toml"
    for _ in range(400):
        data = bytearray(GOOD.encode())
        for _ in range(1 + source.randrange(4)):
            at = source.randrange(len(data))
            kind = source.randrange(3)
            if kind == 0:
                data[at] = source.randrange(256)
            elif kind == 1:
                del data[at : at + source.randrange(12)]
            else:
                data[at:at] = data[source.randrange(len(data)) :][: source.randrange(20)]
        path.write_bytes(bytes(data))
        code, out, err = vmlitmus(capsys, "check", str(path), "--time-limit", "5")
        assert code in (0, 1, 2, 3), (bytes(data), out, err)
        assert "Traceback" not in out + err


def test_interrupt_keeps_what_is_known() -> None:
    command = [sys.executable, "-m", "vmlitmus", "check"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    deadline = time.monotonic() + 60
    while not children.read_text() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(1)
    os.kill(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted after" in err
    assert "Traceback" not in err
    assert "as expected" in out


def test_a_result_replaces_a_file_whole(tmp_path, capsys) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")
    code, _, _ = vmlitmus(capsys, "check", "page-reused", "--json", "-o", str(target))
    assert code == 0
    assert json.loads(target.read_text())["schema"] == "vmlitmus/outcome/1"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


def test_a_full_disk_loses_nothing(tmp_path) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")
    python = [sys.executable, "-B"]  # else Python keeps modules that it has compiled, cut short
    command = [*python, "-m", "vmlitmus", "check", "page-reused", "--json", "-o"]
    done = subprocess.run(
        [*command, str(target)],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)),
    )
    assert done.returncode == 2
    assert f"-o {target}: File too large; printed instead" in done.stderr
    assert json.loads(done.stdout)["schema"] == "vmlitmus/outcome/1"
    assert target.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


@pytest.mark.parametrize("words", [[], ["audit"]])
def test_a_call_without_a_command_prints_the_help_once(capsys, words) -> None:
    code, out, err = vmlitmus(capsys, *words)
    assert (code, out) == (2, "")
    assert err.count("Usage:") == 1
    assert "Error" not in err
    assert "Commands:" in err
