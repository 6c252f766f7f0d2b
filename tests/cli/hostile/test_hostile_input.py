"""Hostile input: files, models, streams, signals and limits; each with the one right exit code."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType

import cli_call
import pytest
from cli_call import GOOD

from vmlitmus.cli.main import main
from vmlitmus.decide.workers import spread
from vmlitmus.printable import control_in, printable

MODEL = """from vmlitmus.model import TOPICS
MODEL = TOPICS["cache-flush"]
"""
COMMAND = [sys.executable, "-m", "vmlitmus"]


def vmlitmus(capsys, *args: str) -> tuple[int, str, str]:
    code, out, err = cli_call.vmlitmus(capsys, *args)
    assert control_in(out + err) is None
    assert "Traceback" not in out + err
    return code, out, err


def shell(command: str, **more) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command, "bash", *COMMAND], capture_output=True, text=True, **more
    )


CONTROLS = [
    "\\u001b[2J",
    "\\u001b]0;x\\u0007",
    "\\u0008",
    "\\u009b31m",
    "\\u202e",
    "\\u2028",
    "\\r",
]


@pytest.mark.parametrize("text", CONTROLS)
@pytest.mark.parametrize(
    "place", ['"Is it', '"somewhere', '"we know', '"none', '"guest-write', '"stale-encrypted']
)
def test_control_characters_in_a_file_are_refused(tmp_path, capsys, place: str, text: str) -> None:
    path = tmp_path / "mine.toml"
    assert place in GOOD
    path.write_text(GOOD.replace(place, f'"{text}{place[1:]}'))
    code, out, err = vmlitmus(capsys, "check", str(path))
    assert code == 2
    line = GOOD[: GOOD.index(place)].count("\n") + 1
    assert f"mine.toml:{line}:" in out + err
    assert "a control character" in out + err


def test_control_characters_in_a_key_or_an_axis_are_refused(tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    for extra in ('"a\\u001bb" = 1\n', '[matrix]\n"kvm.cache_flush" = ["none", "\\u001b[2J"]\n'):
        path.write_text(extra + GOOD if extra.startswith('"') else GOOD + extra)
        code, _, err = vmlitmus(capsys, "check", str(path))
        assert code == 2
        assert "control character" in err


def test_control_characters_in_names_of_files_and_words_are_escaped(tmp_path, capsys) -> None:
    path = tmp_path / "a\x1b[2Jb\x9b.toml"
    path.write_text(GOOD)
    code, out, _ = vmlitmus(capsys, "check", str(path))
    assert code == 0
    assert "a\\x1b[2Jb\\x9b" in out
    for word in ("a\x1bb", "\u202egood", "\udcff"):
        assert vmlitmus(capsys, "check", word)[0] == 2
        assert vmlitmus(capsys, "check", "page-reused", "-o", f"/no{word}/x")[0] == 2
        assert vmlitmus(capsys, word)[0] == 2


def test_control_characters_of_a_model_are_escaped(tmp_path, capsys) -> None:
    model = tmp_path / "mine.py"
    model.write_text('raise ValueError("a\\x1b[2Jb\\x07")')
    code, _, err = vmlitmus(capsys, "check", "page-reused", "--model", str(model))
    assert code == 2
    assert "a\\x1b[2Jb\\x07" in err


def test_printable_changes_nothing_else() -> None:
    assert printable("tab\tline\nä→") == "tab\tline\nä→"
    assert printable("\x7f\x85\u2066") == "\\x7f\\x85\\u2066"


@pytest.mark.parametrize(
    "number", ["9" * 5000, "0x" + "f" * 9000, "9223372036854775808", "-" + "9" * 40]
)
@pytest.mark.parametrize("place", ["expect = ", "decided_by = ", "allow = ", "never = "])
def test_large_numbers_are_refused(tmp_path, capsys, place: str, number: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(place, f"{place}{number} #", 1))
    code, _, err = vmlitmus(capsys, "check", str(path))
    assert code == 2
    assert "mine.toml" in err


def test_a_loop_of_links_and_odd_files_are_no_tests(tmp_path, capsys) -> None:
    loop = tmp_path / "loop.toml"
    loop.symlink_to(loop)
    os.mkfifo(tmp_path / "fifo.toml")
    for path in (str(loop), str(tmp_path / "fifo.toml"), "/dev/zero[a=b]", "/proc/self/mem"):
        code, _, err = vmlitmus(capsys, "check", path)
        assert code == 2
        assert path.partition("[")[0] in err
    for path in (str(loop), "/dev/zero", str(tmp_path)):
        assert vmlitmus(capsys, "check", "page-reused", "--model", path)[0] == 2


def test_files_of_steps_are_bounded_utf_8(tmp_path, capsys) -> None:
    (tmp_path / "bad").write_bytes(b"\xff\xfe")
    (tmp_path / "large").write_bytes(b"x" * (1 << 21))
    for path, message in (
        (tmp_path / "bad", "not UTF-8 text"),
        (tmp_path / "large", "larger than"),
        ("/dev/zero", "not a regular file"),
        (tmp_path / "absent", "No such file"),
    ):
        code, _, err = vmlitmus(capsys, "replay", "reclaim-flush", "--steps", f"@{path}")
        assert code == 2
        assert f"@{path}: {message}" in err


FAULTY_MODELS = [
    ("import sys\nsys.exit(0)\n", 2, "mine.py:2: the file ends the program"),
    ("import sys\n\nsys.exit(5)\n", 2, "mine.py:3: the file ends the program"),
    ("raise BaseException('so')\n", 2, "mine.py:1: BaseException: so"),
    ("raise GeneratorExit\n", 2, "mine.py:1: GeneratorExit"),
    ("x = 1\nimport no_such_module\n", 2, "mine.py:2: ModuleNotFoundError"),
    ("x = (\n", 2, "mine.py:1: "),
    ("def f(): f()\nf()\n", 2, "mine.py:1: RecursionError"),
    ("x = '\\0\n", 2, "mine.py:1: "),
    ("MODEL = 3\n", 2, "the file has no MODEL"),
]


@pytest.mark.parametrize(("text", "code", "message"), FAULTY_MODELS)
def test_a_faulty_model_is_exit_2_with_its_line(tmp_path, capsys, text, code, message) -> None:
    (tmp_path / "mine.py").write_text(text)
    found, out, err = vmlitmus(capsys, "check", "page-reused", "--model", str(tmp_path / "mine.py"))
    assert (found, out) == (code, "")
    assert message in err


def test_what_a_model_prints_does_not_reach_the_result(tmp_path, capsys) -> None:
    (tmp_path / "mine.py").write_text("print('chatter')\n" + MODEL)
    args = ("check", "page-reused", "--json", "--model", str(tmp_path / "mine.py"))
    code, out, err = vmlitmus(capsys, *args)
    assert code == 0
    assert out.startswith("{")
    assert "chatter" in err


def test_limits_hold_while_a_model_is_imported(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("vmlitmus.litmus.user_model.load.LEAST", 0.2)
    (tmp_path / "mine.py").write_text(
        "while True:\n    try:\n        pass\n    except Exception: 1"
    )
    args = ("check", "page-reused", "--model", str(tmp_path / "mine.py"))
    began = time.monotonic()
    code, _, err = vmlitmus(capsys, *args, "--time-limit", "0.2s")
    assert code == 2
    assert "longer than the time limit" in err
    assert time.monotonic() - began < 60
    monkeypatch.setattr("vmlitmus.litmus.user_model.load.LEAST", 60.0)
    (tmp_path / "mine.py").write_text("x = bytearray(1 << 33)\n")
    code, _, err = vmlitmus(capsys, *args, "--memory-limit", "16M")
    assert code == 2
    assert "more memory" in err


SETUP = """import dataclasses
from vmlitmus.model import TOPICS
from vmlitmus.lang import World
OLD = TOPICS["cache-flush"]
def setup(w: World, settings) -> None:
    {body}
MODEL = dataclasses.replace(OLD, setup=setup)
"""


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ("while True: pass", 3, "runs longer than the time limit"),
        ("settings['no such']", 2, "KeyError"),
        ("raise SystemExit(0)", 2, "ends the program"),
        ("raise BaseException('so')", 2, "ends the program"),
    ],
)
def test_limits_hold_while_a_model_is_populated(tmp_path, capsys, body, code, message) -> None:
    (tmp_path / "mine.py").write_text(SETUP.format(body=body))
    for selectors in (["page-reused"], ["page-reused", "reclaim-flush"]):
        found, out, err = vmlitmus(
            capsys, "check", *selectors, "--model", str(tmp_path / "mine.py"), "--time-limit", "0.1"
        )
        assert found == code
        assert message in out + err


@pytest.mark.parametrize("options", ["", "--json", "--format ktap"])
def test_a_reader_that_goes_away_changes_nothing(options: str) -> None:
    done = shell(f'"$@" check page-reused {options} | true; echo ${{PIPESTATUS[0]}}')
    assert done.stdout == "0\n"
    assert done.stderr == ""


def test_closed_streams() -> None:
    assert shell('"$@" check page-reused <&-').returncode == 0
    assert shell('"$@" check - <&-').returncode == 2
    assert shell('"$@" check page-reused 2>&-').returncode == 0
    assert shell('"$@" check no-such-test 2>&-').returncode == 2
    done = shell('"$@" check page-reused >&-')
    assert (done.returncode, done.stderr) == (2, "vmlitmus: standard output is closed\n")


# Without a cache of compiled files: Python writes them too, and leaves them cut short there.
UNBUFFERED = {"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def test_a_full_disk_behind_an_unbuffered_output(tmp_path) -> None:
    command = f'ulimit -f 1; trap "" XFSZ; "$@" list tests > {tmp_path}/out'
    done = shell(command, env={**os.environ, **UNBUFFERED})
    assert done.returncode == 2
    assert "File too large" in done.stderr


@pytest.mark.parametrize("module", ["vmlitmus.cli.main", "vmlitmus.litmus.groups"])
def test_a_compiled_file_that_a_full_disk_has_cut_short(tmp_path, module: str) -> None:
    """Python fails with EOFError then, which is no interrupt."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    assert shell('"$@" list tests cache-flush mask', env=env).returncode == 0
    name = module.replace(".", "/")
    (compiled,) = tmp_path.glob(f"**/{name}.*.pyc")
    compiled.write_bytes(compiled.read_bytes()[:1024])
    done = shell('"$@" list tests cache-flush mask', env=env)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a compiled file in a __pycache__ folder is cut short" in done.stderr
    assert "Traceback" not in done.stderr and "interrupted" not in done.stderr


def test_too_little_memory_is_one_line() -> None:
    for size in (60_000, 100_000, 200_000):
        done = shell(f'ulimit -v {size}; "$@" check page-reused')
        if "vmlitmus" in done.stderr or done.returncode == 0:  # else Python itself did not start
            assert done.stderr.count("\n") <= 1
            assert "Traceback" not in done.stderr


@pytest.mark.parametrize("delay", [0.02, 0.05, 0.08, 0.12])
def test_an_early_interrupt_is_one_line(delay: float) -> None:
    code = "import time, sys; import vmlitmus.cli.start as s; print('x', flush=True); s.run()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, "check"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(delay)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_an_interrupt_waits_for_an_import() -> None:
    """One that is raised in a callback of an import is dropped, and in a class renamed."""
    from vmlitmus.cli import start

    before = signal.signal(signal.SIGALRM, start._interrupt)
    try:
        frames: list[FrameType] = []
        code = compile("frames.append(sys._getframe())", "<frozen importlib._bootstrap>", "exec")
        exec(code, {"frames": frames, "sys": sys})  # noqa: S102 - it looks like an import
        start._interrupt(signal.SIGINT, frames[0])
        with pytest.raises(KeyboardInterrupt):
            time.sleep(5)
        with pytest.raises(KeyboardInterrupt):
            start._interrupt(signal.SIGINT, sys._getframe())
    finally:
        signal.signal(signal.SIGALRM, before)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(word) for word in tasks.read_text().split()] if tasks.exists() else []


def _runs(pid: int) -> bool:
    """Say whether a process still runs; one that nobody has waited for yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_workers_end_with_their_parent(number: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "check", "cache-flush", "-j", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 20
    while not (children := _children(process.pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert children
    time.sleep(0.3)
    process.send_signal(number)
    out, err = process.communicate(timeout=20)  # ends only when no worker holds the pipe
    # A process closes its pipes before it is a zombie, so it may still be on its way out.
    deadline = time.monotonic() + 20
    while any(_runs(child) for child in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(_runs(child) for child in children)
    if number == signal.SIGKILL:
        assert process.returncode == -number
    else:
        assert process.returncode == 130
        assert "interrupted after" in err
        assert "as expected" in out


def _dies(item: int) -> int:
    if item == 7:
        os.kill(os.getpid(), signal.SIGKILL)
    return item * item


def test_a_worker_that_is_killed_loses_only_its_item() -> None:
    found = dict(spread(_dies, range(20), workers=2, lost=lambda item: -item))
    assert found == {i: -7 if i == 7 else i * i for i in range(20)}


def test_an_output_keeps_umask_mode_and_link(tmp_path, capsys) -> None:
    before = os.umask(0o027)
    try:
        assert main(["check", "page-reused", "-o", str(tmp_path / "new")]) == 0
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new").stat().st_mode) == 0o640
    (tmp_path / "old").write_text("x")
    (tmp_path / "old").chmod(0o604)
    (tmp_path / "link").symlink_to("old")
    assert main(["check", "page-reused", "-o", str(tmp_path / "link")]) == 0
    assert (tmp_path / "link").is_symlink()
    assert "1 of 1" in (tmp_path / "old").read_text()
    assert stat.S_IMODE((tmp_path / "old").stat().st_mode) == 0o604
    capsys.readouterr()


def test_an_output_that_is_a_device_stays_one() -> None:
    done = shell('"$@" check page-reused -o /dev/stdout | cat')
    assert "1 of 1 as expected" in done.stdout
    assert Path("/dev/stdout").is_symlink()
    assert shell('"$@" check page-reused -o /dev/null').returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_number_of_too_many_digits_is_told_with_its_line(tmp_path, capsys) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD + "[machine]\ncores = " + "9" * 5000 + "\n")
    code, out, err = vmlitmus(capsys, "check", str(path))
    line = GOOD.count("\n") + 2
    assert (code, out, err) == (2, "", f"vmlitmus: {path}:{line}: a number with too many digits\n")


def test_bless_is_for_a_checkout(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr("vmlitmus.cli.decide.bless.ROOT", tmp_path / "a" / "b" / "c")
    code, out, err = vmlitmus(capsys, "bless", "page-reused")
    assert (code, out) == (2, "")
    assert "checkout" in err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--time-limit", v) for v in ("1e9", "30s", "2 h", "1.5m", "500ms")]
    + [("--memory-limit", v) for v in ("1T", "2g", "1.5G", "512MiB", ".5gb")],
)
def test_units_of_limits(capsys, option: str, value: str) -> None:
    assert vmlitmus(capsys, "check", "page-reused", option, value)[0] == 0


@pytest.mark.parametrize(
    ("option", "value"),
    [("--time-limit", v) for v in ("0", "-1", "nan", "inf", "1d", "9" * 5000, "")]
    + [("--memory-limit", v) for v in ("0", "1X", "1e999", "", "M", "0.1")],
)
def test_limits_that_are_none(capsys, option: str, value: str) -> None:
    assert vmlitmus(capsys, "check", "page-reused", option, value)[0] == 2


def test_the_memory_limit_counts_what_the_search_takes(capsys) -> None:
    args = ("check", "page-reused", "--engine", "reference", "--memory-limit", "10M")
    assert vmlitmus(capsys, *args)[0] == 0


def test_some_axes_select_cells(capsys) -> None:
    code, out, _ = vmlitmus(capsys, "list", "cells", "drop-destroy-flush[kind=snp]")
    assert code == 0
    names = [line for line in out.splitlines() if line.startswith("drop-destroy-flush[")]
    assert names
    assert all("kind=snp" in name for name in names)
    code, out, _ = vmlitmus(capsys, "list", "cells", "drop*[kind=sev]")
    assert code == 0
    names = [line for line in out.splitlines() if line.startswith("drop")]
    assert names
    assert all("kind=sev," in n or "kind=sev]" in n for n in names)
    code, _, err = vmlitmus(capsys, "check", "drop*[kind=sex]")
    assert code == 2
    assert "no cell matches 'drop*[kind=sex]'; did you mean" in err


def test_a_replay_says_what_it_tells_about_the_claim(capsys) -> None:
    steps = "vcpu_load(vcpu0,cpu0) enter_guest.1"
    _, out, _ = vmlitmus(capsys, "replay", "reclaim-no-flush", "--steps", steps)
    assert out.rstrip().endswith(
        "never stale-encrypted-line: not decided by this run, which does not reach"
        " stale-encrypted-line."
    )


@pytest.mark.parametrize(
    "words",
    [
        "check page-reused --format junit",
        "explain page-reused --format mail",
        "table policy-grid --format csv",
        "ablate page-reused --format markdown",
        "audit host --format prometheus",
        "check page-reused --format terminal",
    ],
)
def test_two_forms_at_once_are_refused(capsys, words: str) -> None:
    code, out, err = vmlitmus(capsys, *words.split(), "--json")
    assert (code, out) == (2, "")
    assert f"--json and --format {words.split()[-1]} exclude each other" in err
    assert vmlitmus(capsys, "check", "page-reused", "--json", "--format", "json")[0] == 0


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"none"', "true", "unknown mechanism 'true'; "),
        ('cache_flush = "none"', "version = [true]", "unknown version '[true]'"),
        ("[kvm]", "[machine]\ncores = true\n[kvm]", "machine.cores = true: not an integer"),
        ("[kvm]", "[machine]\nsme_coherent = 1\n[kvm]", "= 1: not true or false"),
        ('"stale-encrypted-line"', "true", "unknown condition 'true'"),
        ('"stale-encrypted-line"', "[true, 1]", "claim.never = [true, 1]: not the name of one"),
        ('question = "Is it safe?"', "question = false", "question = false: not a text"),
        ('expect = "violated"', "expect = true", "true"),
        ('["guest-write", "eviction", "reclaim", "host-reuse"]', "true", "allow = true: not a li"),
        ("[claim]", "[assume]\nx = nan\n[claim]", "assume.x = nan: not true, false or a word"),
        ("[claim]", "[environment.at_most]\nreclaim = true\n[claim]", "reclaim = true: not an i"),
        ("[claim]", "[matrix]\nclaim = [true]\n[claim]", "claim = true: write a kind and"),
    ],
)
def test_values_are_told_as_the_file_spells_them(tmp_path, capsys, before, after, message) -> None:
    assert before in GOOD
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(before, after))
    code, out, err = vmlitmus(capsys, "check", str(path))
    told = out + err
    assert code == 2
    assert message in told
    assert "True" not in told and "False" not in told


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("audit kernel --release=", "--release"),
        ("audit kernel --root=", "--root"),
        ("audit host --root=", "--root"),
        ("audit kernel --release 7.2.8 --changelog=", "--changelog"),
        ("check page-reused --model=", "--model"),
        ("ablate page-reused --html=", "--html"),
    ],
)
def test_an_empty_value_is_refused(capsys, words: str, name: str) -> None:
    """A shell variable that is not set must not turn into a question about this machine."""
    code, out, err = vmlitmus(capsys, *words.split())
    assert (code, out) == (2, "")
    assert name in err
    if "audit" in words:
        assert f"{name} is empty" in err


def test_all_files_that_are_wrong_are_told_at_once(tmp_path, capsys) -> None:
    wrong = {"a": "question = ", "b": GOOD.replace("[claim]", "[clam]"), "c": GOOD}
    for name, text in wrong.items():
        (tmp_path / f"{name}.toml").write_text(text)
    files = [str(tmp_path / f"{name}.toml") for name in wrong]
    code, out, err = vmlitmus(capsys, "check", *files)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert "a.toml:1: " in first and "b.toml:" in second and "'claim'" in second


def test_without_docstrings_it_is_told_what_is_missing() -> None:
    done = shell('"$1" -OO -m vmlitmus explain page-reused')
    assert (done.returncode, done.stdout[:4]) == (0, "Can ")
    assert done.stderr == (
        "vmlitmus: python -OO drops docstrings: no report says what is not modelled\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = " + "[" * 9999, "mine.toml: nested too deeply"),
        (GOOD.replace('"none"', f"[{'1,' * 9999}]"), "[1, 1, 1, "),
        ("x" * 9999 + " = 1\n" + GOOD, "unknown key 'xxxx"),
        (GOOD.replace("[claim]", "[claim"), "mine.toml:11: "),
        (GOOD + "[claim", "mine.toml:13: "),
    ],
)
def test_a_message_about_a_file_is_short(tmp_path, capsys, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    code, out, err = vmlitmus(capsys, "check", str(path))
    assert (code, out) == (2, "")
    assert message in err
    assert len(err) < 1500


def test_a_mark_before_the_text_is_no_part_of_it(tmp_path, capsys) -> None:
    """Editors of Windows write it."""
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert vmlitmus(capsys, "check", str(path))[0] == 0


def test_a_timing_is_a_regular_file(tmp_path, capsys) -> None:
    os.mkfifo(tmp_path / "mine.toml")
    path = tmp_path / "timed.toml"
    timing = '[timing]\nuse = "mine.toml"\nhorizon = "1 s"\n'
    path.write_text(f'{GOOD}{timing}[[measure]]\nshare = "x"\n')
    code, out, _ = vmlitmus(capsys, "simulate", str(path))
    assert code == 2
    assert "mine.toml: not a regular file" in out


@pytest.mark.parametrize("home", ["absent", "", "relative"])
def test_a_home_that_is_not_there_is_not_made(tmp_path, home: str) -> None:
    """Services have /nonexistent; an empty one would be the root of all files."""
    given = str(tmp_path / home) if home == "absent" else home
    env = {k: v for k, v in os.environ.items() if k != "XDG_CACHE_HOME"} | {"HOME": given}
    before = Path("/.cache").exists()
    assert shell('"$@" check page-reused', env=env, cwd=tmp_path).returncode == 0
    assert not list(tmp_path.iterdir())
    assert Path("/.cache").exists() == before


def test_places_that_cannot_be_written_are_refused_before_the_work(capsys, tmp_path) -> None:
    there = str(tmp_path / "absent" / "x.svg")
    for words in (
        ["simulate", "warn-lockers-in-time[vcpus=3]", "--plot", there],
        ["audit", "trace", str(tmp_path / "no-recording"), "--perfetto", there],
    ):
        code, out, err = vmlitmus(capsys, *words)
        assert (code, out) == (2, "")
        assert "there is no folder" in err


def test_a_file_that_is_no_recording_is_quoted_as_text(capsys, tmp_path) -> None:
    path = tmp_path / "notes"
    path.write_text("root:x:0:0\n")
    assert vmlitmus(capsys, "audit", "trace", str(path))[2].endswith("beginning: 'root:x:0:0'\n")
