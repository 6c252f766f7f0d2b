"""Results of earlier checks: taken where nothing that they rest on has changed, and only there."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import vmlitmus
from vmlitmus.decide import Job, decide
from vmlitmus.decide.cache import Keys, Store, WholeCheck
from vmlitmus.decide.cache.record import Damaged, read, written
from vmlitmus.lang import Claim
from vmlitmus.litmus import Catalogue
from vmlitmus.outcome import Outcome, Verdict
from vmlitmus.report import Row

PACKAGE = Path(vmlitmus.__file__).parent
TEST = "page-reused"
SOME = (
    "page-reused",
    "dirty-on-two-cpus",
    "move-no-flush-all-online",
    "concurrent-flushers[cache_flush=v1]",
)


def check(cache: Path, *arguments: str, package: Path = PACKAGE) -> str:
    """Run check in a process of its own, with results kept; return what it prints."""
    environment = dict(os.environ) | {
        "XDG_CACHE_HOME": str(cache),
        "PYTHONPATH": str(package.parent),
    }
    environment.pop("VMLITMUS_NO_CACHE")
    command = [sys.executable, "-m", "vmlitmus", "check", *arguments]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.stdout


def kept(text: str) -> int:
    """Return how many results a check says it had from before."""
    last = text.splitlines()[-1]
    return int(last.partition(" of them decided before")[0].split()[-1]) if "before" in last else 0


def files(cache: Path) -> list[Path]:
    return sorted((cache / "vmlitmus" / "results").glob("*/*.json"))


def outcomes() -> list[Outcome]:
    """Return one outcome of each kind: it holds, it is violated, by a lasso too, under x86-TSO."""
    catalogue = Catalogue()
    found: list[Outcome] = []
    for test, cells in catalogue.select(["page-reused", "ap-creation"], wide=False):
        for cell in cells:
            kinds = {(o.claim.split()[0], o.result.verdict) for o in found if o.result}
            if (cell.claim.kind, cell.expect) not in kinds:
                found.append(decide(Job(catalogue), test, cell))
    [(test, cells)] = catalogue.select(["which-barrier-a-sleeper-needs"], wide=False)
    return [*found, decide(Job(catalogue), test, cells[-1])]


@pytest.fixture(scope="module")
def decided() -> list[Outcome]:
    return outcomes()


def test_a_record_gives_back_all_of_an_outcome(decided: list[Outcome]) -> None:
    assert any(o.result and o.result.loop_start is not None for o in decided)
    assert any(o.result and o.result.trace and o.result.loop_start is None for o in decided)
    assert any(o.order and o.order.pairs for o in decided)
    for outcome in decided:
        result, more = read("key", written("key", outcome))
        blank = replace(outcome, result=None, bounds={}, assumptions=(), word=None, start="")
        again = replace(replace(blank, not_modelled=()), result=result, **more)
        assert again == outcome


def test_a_record_that_was_changed_is_refused(decided: list[Outcome]) -> None:
    record = written("key", decided[0])
    for place in range(0, len(record), 7):
        other = bytes([record[place] ^ 1])
        with pytest.raises(Damaged):
            read("key", record[:place] + other + record[place + 1 :])
    for length in range(0, len(record) - 1, 11):
        with pytest.raises(Damaged):
            read("key", record[:length])
    with pytest.raises(Damaged):
        read("another key", record)


@pytest.mark.parametrize(
    ("name", "value"),
    [("verdict", "maybe"), ("states", "5"), ("states", True), ("coverage", {"step": "x"}),
     ("trace", [{"step": "x"}]), ("observed", []), ("more", 1), ("warnings", "text")],
)  # fmt: skip
def test_a_record_with_wrong_types_is_refused_whatever_its_seal(
    decided: list[Outcome], name: str, value: Any
) -> None:
    from vmlitmus.decide.cache.record import _seal

    body = json.loads(written("key", decided[0]).partition(b"\n")[2])
    body["result"][name] = value
    text = json.dumps(body).encode()
    with pytest.raises(Damaged):
        read("key", _seal("key", text).encode() + b"\n" + text)


def test_the_key_tells_apart_what_may_have_another_answer() -> None:
    catalogue = Catalogue()
    [(test, [cell])] = catalogue.select([TEST], wide=False)
    others = [
        (test, replace(cell, claim=Claim("never", cell.claim.condition))),
        (test, replace(cell, without=("flush on reclaim",))),
        (test, replace(cell, environment=replace(cell.environment, at_most={"migration": 1}))),
        (test, replace(cell, tables={**cell.tables, "machine": {"cores": 3}})),
        (replace(test, observe=(cell.claim.condition,)), cell),
    ]
    keys = Keys(catalogue, "auto")
    found = [keys.key(*pair) for pair in [(test, cell), *others]]
    found.append(Keys(catalogue, "reference").key(test, cell))
    assert None not in found
    assert len(set(found)) == len(found)
    assert keys.key(test, replace(cell, name="another", expect=Verdict.VIOLATED)) == found[0]


def test_the_second_check_says_the_same_and_decides_nothing(tmp_path: Path) -> None:
    first, second = (check(tmp_path, *SOME) for _ in range(2))
    assert kept(first) == 0
    assert kept(second) == len(second.splitlines()) - 1 > 1
    assert second.splitlines()[:-1] == first.splitlines()[:-1]
    assert check(tmp_path, *SOME, "--json") == check(tmp_path, *SOME, "--json")
    assert kept(check(tmp_path, *SOME, "--no-cache")) == 0


def test_what_code_a_cell_may_run_is_kept_with_the_results(tmp_path: Path) -> None:
    first = check(tmp_path, *SOME)
    every = sorted((tmp_path / "vmlitmus" / "results").glob("*/*.note"))
    assert len(every) == 1  # of one topic
    whole = every[0].read_bytes()
    for damaged in (b"", whole[:-9], whole.replace(b":", b";"), b"\xff" * 99):
        every[0].write_bytes(damaged)
        assert kept(check(tmp_path, *SOME)) == len(first.splitlines()) - 1
        assert every[0].read_bytes() == whole


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}', "null", "[" * 5000])
def test_a_note_with_something_else_is_no_note(tmp_path: Path, text: str) -> None:
    catalogue = Catalogue()
    [(test, [cell])] = catalogue.select([TEST], wide=False)
    store = Store(tmp_path / "results").open()
    assert store is not None
    keys = Keys(catalogue, "auto", store)
    key = keys.key(test, cell)
    place = keys.topics[test.topic].place
    assert place is not None
    store.keep_note(place, text)
    assert Keys(catalogue, "auto", store).key(test, cell) == key is not None


def test_without_the_cache_nothing_is_written(tmp_path: Path) -> None:
    check(tmp_path, TEST, "--no-cache")
    assert list(tmp_path.iterdir()) == []
    check(tmp_path, TEST, "--html", str(tmp_path / "page.html"))
    assert files(tmp_path) == []


def test_a_check_that_was_given_up_is_not_kept(tmp_path: Path) -> None:
    for _ in range(2):
        assert "inconclusive" in check(tmp_path, TEST, "--time-limit", "1ms")
    assert files(tmp_path) == []


def test_an_edited_mechanism_is_decided_again_by_the_cells_that_read_it(tmp_path: Path) -> None:
    package = tmp_path / "package" / "vmlitmus"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    long_ago = time.time() - 1000
    for file in package.rglob("*.py"):
        os.utime(file, (long_ago, long_ago))
    mechanism = package / "model" / "kvm" / "cache_flush" / "policies" / "all_online.py"
    selected = SOME
    before = check(tmp_path, *selected, package=package)
    assert kept(check(tmp_path, *selected, package=package)) == len(before.splitlines()) - 1
    text = mechanism.read_text()
    mechanism.write_text(text + "\n# a line more\n")
    os.utime(mechanism, (long_ago, long_ago))
    reads = kept(check(tmp_path, *selected, package=package))
    assert 2 <= reads < len(before.splitlines()) - 1
    mechanism.write_text(text)
    os.utime(mechanism, (long_ago, long_ago))
    assert kept(check(tmp_path, *selected, package=package)) == len(before.splitlines()) - 1
    engine = package / "engine" / "reference" / "search.py"
    engine.write_text(engine.read_text() + "\n")
    os.utime(engine, (long_ago, long_ago))
    assert kept(check(tmp_path, *selected, package=package)) == 0
    engine.write_text(engine.read_text() + "\n")  # while this process may run what was before
    assert kept(check(tmp_path, *selected, package=package)) == 0


def test_a_damaged_store_is_made_again(tmp_path: Path) -> None:
    first = check(tmp_path, *SOME)
    every = files(tmp_path)
    for number, file in enumerate(every):
        record = file.read_bytes()
        forged = record.replace(b'"states":', b'"states":1')
        file.write_bytes([b"", record[:-40], b"\xff\x00" * 99, forged][number % 4])
    again = check(tmp_path, *SOME)
    assert kept(again) == 0
    assert again.splitlines()[0].split()[:2] == first.splitlines()[0].split()[:2]
    assert kept(check(tmp_path, *SOME)) == len(first.splitlines()) - 1


@pytest.mark.parametrize("mode", [0o755, 0o720, 0o701])
def test_a_folder_that_others_may_open_is_not_used(tmp_path: Path, mode: int) -> None:
    check(tmp_path, TEST)
    place = tmp_path / "vmlitmus" / "results"
    assert place.stat().st_mode & 0o777 == 0o700
    assert all(file.stat().st_mode & 0o077 == 0 for file in files(tmp_path))
    place.chmod(mode)
    assert kept(check(tmp_path, TEST)) == 0


def test_links_are_not_followed(tmp_path: Path) -> None:
    check(tmp_path, TEST)
    [file] = files(tmp_path)
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert kept(check(tmp_path, TEST)) == 0
    place = tmp_path / "vmlitmus" / "results"
    place.rename(tmp_path / "moved")
    place.symlink_to(tmp_path / "moved")
    assert kept(check(tmp_path, TEST)) == 0


def test_a_folder_that_cannot_be_made_costs_nothing(tmp_path: Path) -> None:
    (tmp_path / "vmlitmus").write_text("a file")
    assert "1 of 1 as expected" in check(tmp_path, TEST)


def test_two_checks_at_once_share_a_store(tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as pool:
        texts = list(pool.map(lambda _: check(tmp_path, *SOME), range(3)))
    assert len({len(text.splitlines()) for text in texts}) == 1
    assert kept(check(tmp_path, *SOME)) == len(texts[0].splitlines()) - 1
    assert [p for p in (tmp_path / "vmlitmus").rglob(".*") if p.is_file()] == []


def test_the_store_keeps_what_was_used_last(tmp_path: Path, decided: list[Outcome]) -> None:
    store = Store(tmp_path / "results", most=10 * 4096).open()
    assert store is not None
    for number in range(15):
        key = f"{number:064x}"
        store.keep(key, decided[0])
        os.utime(tmp_path / "results" / key[:2] / f"{key[2:]}.json", (number, number))
    store.close()
    found = [number for number in range(15) if store.find(f"{number:064x}", decided[0])]
    assert len(found) <= 10
    assert found == list(range(15 - len(found), 15))


TOPIC = "cache-flush"


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the package with few tests of the topic, all of it written long ago."""
    package = tmp_path / "package" / "vmlitmus"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    few = (TEST, "dirty-on-two-cpus")
    for file in (package / "catalogue" / TOPIC).glob("*.toml"):
        if file.stem not in few:
            file.unlink()
    for file in package.rglob("*.*"):
        aged(file)
    return package


def aged(file: Path) -> None:
    long_ago = time.time() - 1000
    os.utime(file, (long_ago, long_ago))


def test_the_second_check_of_a_topic_takes_one_record(tmp_path: Path, copied: Path) -> None:
    first = check(tmp_path, TOPIC, package=copied)
    for file in files(tmp_path):
        file.unlink()  # so that what is said was said before, as a whole
    again = check(tmp_path, TOPIC, package=copied)
    assert again.splitlines()[:-1] == first.splitlines()[:-1]
    assert kept(again) == len(again.splitlines()) - 1 > 1
    assert len(check(tmp_path, TOPIC, "-q", package=copied).splitlines()) == 1
    assert kept(check(tmp_path, TOPIC, "--engine", "compiled", package=copied)) == 0
    assert kept(check(tmp_path, TOPIC, "--no-symmetry", package=copied)) == 0
    assert kept(check(tmp_path, TOPIC, TEST, package=copied)) == 0


@pytest.mark.parametrize(
    "name",
    [
        "catalogue/cache-flush/counts.json",
        "model/kvm/cache_flush/policies/all_online.py",
        "report/summary.py",
    ],
)
def test_one_record_is_for_one_content_of_the_package(
    tmp_path: Path, copied: Path, name: str
) -> None:
    def said_before() -> int:
        """Return how many results one record had, and leave none but such records behind."""
        found = kept(check(tmp_path, TOPIC, package=copied))
        for file in files(tmp_path):
            file.unlink()
        return found

    assert said_before() == 0
    edited = copied / name
    text = edited.read_text()
    edited.write_text(text + "\n")
    later = time.time() + 1000  # edited during the check, for all that it knows
    os.utime(edited, (later, later))
    assert said_before() == 0
    assert said_before() == 0
    aged(edited)
    assert said_before() == 0
    assert said_before() > 0
    edited.write_text(text)
    aged(edited)
    assert said_before() > 0


def test_an_unexpected_verdict_is_said_again_with_its_exit_code(
    tmp_path: Path, copied: Path
) -> None:
    counts = copied / "catalogue" / TOPIC / "counts.json"
    stored = json.loads(counts.read_text())
    stored[TEST][0] += 1
    counts.write_text(json.dumps(stored))
    aged(counts)
    first = check(tmp_path, TOPIC, package=copied)
    again = check(tmp_path, TOPIC, package=copied)
    assert "1 unexpected" in again
    assert "counts differ" in again
    assert first.splitlines()[:-1] == again.splitlines()[:-1]
    only = check(tmp_path, TOPIC, "--only-unexpected", package=copied)
    assert len(only.splitlines()) == 2
    environment = dict(os.environ) | {"XDG_CACHE_HOME": str(tmp_path)}
    environment.pop("VMLITMUS_NO_CACHE")
    command = [sys.executable, "-m", "vmlitmus", "check", TOPIC, "-q"]
    environment["PYTHONPATH"] = str(copied.parent)
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=300)
    assert done.returncode == 1


def test_a_check_that_ended_early_is_no_record(tmp_path: Path, copied: Path) -> None:
    counts = copied / "catalogue" / TOPIC / "counts.json"
    stored = json.loads(counts.read_text())
    counts.write_text(json.dumps({name: [one + 1, *more] for name, (one, *more) in stored.items()}))
    aged(counts)
    early = check(tmp_path, TOPIC, "-x", "-j", "1", package=copied)
    assert len(early.splitlines()) < len(check(tmp_path, TOPIC, package=copied).splitlines())


@pytest.mark.parametrize("text", ["[]", "{", '[{"word": 1}]', "null", "[" * 5000])
def test_a_record_of_a_check_with_something_else_is_none(tmp_path: Path, text: str) -> None:
    store = Store(tmp_path / "results").open()
    assert store is not None
    record = WholeCheck(store, Row, ("asked",))
    rows = (Row("  holds", "a-test", " 5 states", "as expected", 0, kept=True),)
    record.keep(rows)
    assert record.find() == rows
    [note] = (tmp_path / "results").glob("*/*.note")
    key = note.parent.name + note.stem
    store.keep_note(key, text)
    assert record.find() in (None, ())
    note.write_bytes(note.read_bytes()[:-3])
    assert record.find() is None
