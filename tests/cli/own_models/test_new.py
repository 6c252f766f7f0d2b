"""vmlitmus new: what it writes runs, for every topic and for every mechanism that may be chosen."""

from __future__ import annotations

import re

import pytest

from vmlitmus.cli.main import main
from vmlitmus.model import TOPICS

SETTINGS = [
    (topic, f"{table}.{key}")
    for topic, model in TOPICS.items()
    for table, settings in model.settings.items()
    for key, setting in settings.items()
    if setting.hooks is not None
]


def runs(tmp_path, capsys, *new: str) -> None:
    assert main(["new", *new, "-o", str(tmp_path)]) == 0
    args = ["check", str(tmp_path / "my-own.toml")]
    if (tmp_path / "my_own.py").exists():
        args += ["--model", str(tmp_path / "my_own.py")]
    code = main(args)
    out = capsys.readouterr().out
    assert code == 0, out
    assert "as expected" in out


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("kind", ["mechanism", "test", "claim"])
def test_scaffolds_of_every_topic_run(tmp_path, capsys, kind: str, topic: str) -> None:
    if kind == "mechanism" and topic not in {name for name, _ in SETTINGS}:
        assert main(["new", kind, "my-own", "--topic", topic, "-o", str(tmp_path)]) == 2
        assert "no setting that chooses a mechanism" in capsys.readouterr().err
        return
    runs(tmp_path, capsys, kind, "my-own", "--topic", topic)


@pytest.mark.parametrize(("topic", "setting"), SETTINGS)
def test_mechanisms_for_every_setting_run(tmp_path, capsys, topic: str, setting: str) -> None:
    runs(tmp_path, capsys, "mechanism", "my-own", "--topic", topic, "--setting", setting)


def test_the_test_of_a_mechanism_executes_it(tmp_path, capsys) -> None:
    """A mistake in the one moment of the mechanism is told."""
    new = ["new", "mechanism", "my-own", "--topic", "ap-creation", "--setting", "kvm.kick"]
    assert main([*new, "-o", str(tmp_path)]) == 0
    path = tmp_path / "my_own.py"
    text = path.read_text()
    assert "    # def reaches(self, w: World, target: Vcpu) -> bool:\n" in text
    path.write_text(
        text.replace(
            "    # def reaches(self, w: World, target: Vcpu) -> bool:\n    #     Say",
            "    def reaches(self, w: World, target: Vcpu) -> bool:\n"
            "        return target.mode != Mode.OUTSIDE\n    # Say",
        )
    )
    capsys.readouterr()
    assert main(["check", str(tmp_path / "my-own.toml"), "--model", str(path)]) == 2
    told = "unknown name 'Mode'; is 'from vmlitmus.world.snp import Mode' missing?"
    assert told in "".join(capsys.readouterr())


def test_a_mechanism_says_what_it_inherits(tmp_path) -> None:
    """Who overrides another hook than that in which the base marks has changed nothing."""
    assert main(["new", "mechanism", "my-own", "-o", str(tmp_path)]) == 0
    text = (tmp_path / "my_own.py").read_text()
    hooks = re.findall(r"^    # def (\w+)", text, re.MULTILINE)
    assert hooks[:3] == ["vcpu_load", "before_vmrun", "marks_before_vmrun"]  # as they are written
    told = text.partition("# def marks_before_vmrun")[2].partition("# def after_early_return")[0]
    assert "#     EverRan does there:\n    #         return True\n" in told
    assert text.count("EverRan does there:") == 2
    assert "#         yield from flush_mask(w, task, vm)\n" in text


def test_the_verdict_of_a_mechanisms_test_hangs_on_it(tmp_path, capsys) -> None:
    """It holds with the new mechanism, and not with all that are shipped."""
    asked = ("--topic", "cache-flush", "--setting", "kvm.cache_flush")
    assert main(["new", "mechanism", "my-own", *asked, "-o", str(tmp_path)]) == 0
    path = tmp_path / "my-own.toml"
    text = path.read_text()
    model, codes = TOPICS["cache-flush"], []
    for name in model.choices(model.settings["kvm"]["cache_flush"]):
        path.write_text(text.replace('"my-own"', f'"{name}"'))
        codes.append(main(["check", str(path)]))
    assert set(codes) == {0, 1}, capsys.readouterr().out


@pytest.mark.parametrize("name", ["class", "all", "condition", "flush-policy", "world"])
@pytest.mark.parametrize("kind", ["mechanism", "claim"])
def test_a_name_that_is_taken_in_python_runs(tmp_path, capsys, kind: str, name: str) -> None:
    assert main(["new", kind, name, "-o", str(tmp_path)]) == 0
    file = name.replace("-", "_")
    args = ["check", str(tmp_path / f"{name}.toml"), "--model", str(tmp_path / f"{file}.py")]
    assert main(args) == 0, capsys.readouterr().out
    assert "1 of 1 as expected" in capsys.readouterr().out


def test_a_new_topic_runs(tmp_path, capsys) -> None:
    runs(tmp_path, capsys, "topic", "my-own")


@pytest.mark.parametrize("kind", ["mechanism", "test", "claim", "topic"])
def test_nothing_is_overwritten(tmp_path, capsys, kind: str) -> None:
    new = ["new", kind, "my-own", "--topic", "page-state" if kind != "mechanism" else "split-lock"]
    assert main([*new, "-o", str(tmp_path)]) == 0
    before = {path: path.read_text() for path in tmp_path.iterdir()}
    capsys.readouterr()
    assert main([*new, "-o", str(tmp_path)]) == 2
    assert "exists; nothing was written" in capsys.readouterr().err
    assert {path: path.read_text() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["mechanism", "v3"], "has a mechanism 'v3' already"),
        (["claim", "stale-encrypted-line"], "has a condition"),
        (["mechanism", "x", "--topic", "cache-flsh"], "did you mean 'cache-flush'"),
        (["mechanism", "x", "--setting", "kvm.cache_flsh"], "did you mean 'kvm.cache_flush'"),
        (["test", "x", "--setting", "kvm.kick"], "--setting is for a mechanism"),
    ],
)
def test_what_cannot_be_written(tmp_path, capsys, args: list[str], message: str) -> None:
    assert main(["new", *args, "-o", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
