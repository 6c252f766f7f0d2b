"""Models of a user's own: what is beside them, and what was written for 0.1."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vmlitmus.cli.main import main

SHARED = """
from vmlitmus.lang import Assumption
SOURCE = Assumption("a-test", "nothing but this test")
"""
MODEL = """
import dataclasses
from words_of_mine import SOURCE
from vmlitmus.lang import World, condition
from vmlitmus.model import TOPICS
from vmlitmus.world import Page

@condition("page-pinned", "a page is pinned", source=SOURCE)
def page_pinned(w: World) -> bool:
    return any(page.pinned for page in w.all(Page))

_TOPIC = TOPICS["cache-flush"]
MODEL = dataclasses.replace(_TOPIC, conditions=(*_TOPIC.conditions, page_pinned))
"""
TEST = """
question = "Is a page ever pinned?"
source = "a test"
expect = "violated"
because = "Nobody pins it."
decided_by = "model"
topic = "cache-flush"

[claim]
possible = "page-pinned"
"""


def test_a_model_imports_the_file_beside_it_and_its_tests_are_found(tmp_path, capsys) -> None:
    (tmp_path / "words_of_mine.py").write_text(SHARED)
    (tmp_path / "mine.py").write_text(MODEL)
    (tmp_path / "pinned.toml").write_text(TEST)
    assert main(["check", "--model", str(tmp_path / "mine.py")]) == 0
    done = capsys.readouterr()
    assert "1 of 1 as expected" in done.out
    assert "the litmus file beside" in done.err


def test_a_model_without_tests_beside_it(tmp_path, capsys) -> None:
    (tmp_path / "words_of_mine.py").write_text(SHARED)
    (tmp_path / "mine.py").write_text(MODEL)
    assert main(["check", "--model", str(tmp_path / "mine.py")]) == 2
    assert "name a topic or a test" in capsys.readouterr().err


SCRIPT = """
from vmlitmus.lang import (
    KINDS, Apm, Assumption, Between, Choice, Claim, Condition, Const, Entity, Fairness, Fix, Ghcb,
    Hooks, Instance, KernelCommit, KernelFile, Lore, Machine, Members, Model, NotEnabled, Sdm,
    Sections, Set, Setting, Settings, Setup, Source, State, Step, Variable, World, build, choice,
    condition, eventually, explained, flag, leads_to, mechanism, never, number, possible,
    recoverable, release, scanned, sequence, step, when,
)
from vmlitmus.engine import ENGINES, Limits, Progress, ablate, replay, run
from vmlitmus.litmus import Catalogue
from vmlitmus.litmus.user_model.load import load_model
from vmlitmus.model import TOPICS

MODEL = TOPICS["cache-flush"]
machine = build(MODEL, {"kvm": {"cache_flush": "none"}},
                allow=("guest-write", "eviction", "reclaim", "host-reuse"))
assert isinstance(machine, Machine) and isinstance(machine.instances[0], Instance)
for engine in ("reference", "compiled"):
    assert run(machine, never("stale-encrypted-line"), engine=engine).verdict == "violated"
assert "flush on reclaim" in scanned(MODEL, allow=("reclaim",)).parts
names = {}
exec("from vmlitmus.lang import *", names)
assert names["build"] is build and "Machine" in names
"""


def test_what_was_written_against_the_first_documentation_runs() -> None:
    """All names that vmlitmus.lang offered, and how a script used them."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_name_that_the_language_never_had() -> None:
    import vmlitmus.lang

    with pytest.raises(AttributeError, match="Machin"):
        vmlitmus.lang.Machin  # noqa: B018


POLICY = """
from vmlitmus.model import TOPICS
from vmlitmus.model.kvm.cache_flush.policies.ever_ran import EverRan
from vmlitmus.model.kvm.cache_flush.policy import FlushPolicy

class Mine(EverRan):
    def {moment}(self, w, vcpu, cpu):
        {code}

MODEL = TOPICS["cache-flush"].variant(mechanisms={{FlushPolicy: {{"mine": Mine}}}})
"""
ASKED = (
    TEST.replace('possible = "page-pinned"', 'possible = "dirty-on-two-cpus"')
    + """
[kvm]
cache_flush = "mine"

[environment]
allow = ["guest-write", "migration"]
"""
)


@pytest.mark.parametrize(
    ("moment", "code", "said"),
    [
        ("before_vmrum", "pass", "mine.py:7: Mine.before_vmrum is no hook of FlushPolicy; did you"
         " mean 'before_vmrun'?"),
        ("before_vmrun", "mark(vcpu.vm, cpu)", "mine.py:8: unknown name 'mark'"),
        ("before_vmrun", "FlushPolice", "unknown name 'FlushPolice'; did you mean 'FlushPolicy'"),
    ],
)  # fmt: skip
def test_a_slip_in_a_mechanism_is_told(tmp_path, capsys, monkeypatch, moment, code, said) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(POLICY.format(moment=moment, code=code))
    (tmp_path / "asked.toml").write_text(ASKED)
    assert main(["check", "asked.toml", "--model", "mine.py"]) == 2
    assert said in " ".join("".join(capsys.readouterr()).split())


@pytest.mark.parametrize(
    ("parameters", "body", "said"),
    [
        (
            "w: 'World', vm: 'Vm', task: 'Task'",
            "yield 'x'",
            "mine.py:10: flush() of FlushPolicy takes (self, w, task, vm)",
        ),
        ("w, task", "yield 'x'", "mine.py:10: flush() of FlushPolicy takes (self, w, task, vm)"),
        ("w, task, vm", "pass", "mine.py:10: flush() has no yields; "),
    ],
)
def test_a_hook_is_as_its_class_says(tmp_path, capsys, monkeypatch, parameters, body, said) -> None:
    monkeypatch.chdir(tmp_path)
    mine = POLICY.format(moment="before_vmrun", code="pass")
    hook = f"    def flush(self, {parameters}):\n        {body}\n\nMODEL ="
    (tmp_path / "mine.py").write_text(mine.replace("MODEL =", hook))
    asked = ASKED.replace('"migration"', '"reclaim"')
    (tmp_path / "asked.toml").write_text(asked)
    assert main(["check", "asked.toml", "--model", "mine.py"]) == 2
    out = " ".join("".join(capsys.readouterr()).split())
    assert said in out and out.count("mine.py") == 1


def test_a_method_of_ones_own_may_have_any_name_but_that_of_a_moment(tmp_path, capsys) -> None:
    own = POLICY.format(moment="before_vmrun", code="self._mark_it(vcpu, cpu)")
    own = own.replace("MODEL =", "    def _mark_it(self, vcpu, cpu):\n        pass\n\nMODEL =")
    (tmp_path / "mine.py").write_text(own)
    (tmp_path / "asked.toml").write_text(ASKED.replace('"violated"', '"holds"'))
    found = ["check", str(tmp_path / "asked.toml"), "--model", str(tmp_path / "mine.py")]
    assert main(found) == 0, capsys.readouterr()


def test_a_word_that_stands_twice_is_placed_where_its_key_is(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "twice.toml").write_text(ASKED.replace("Is a page ever pinned?", "Why mine?"))
    assert main(["check", "twice.toml"]) == 2
    key = next(n for n, line in enumerate(ASKED.splitlines(), 1) if line.startswith("cache_flush"))
    assert f"twice.toml:{key}: kvm.cache_flush: unknown mechanism" in capsys.readouterr().err
