"""The shipped litmus tests, and how tests are selected by name, topic or path."""

from __future__ import annotations

import dataclasses
import fnmatch
import json
import os
import re
import sys
from collections import ChainMap
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from vmlitmus.errors import ScenarioError, UsageError, VmlitmusError, nearest, unknown
from vmlitmus.lang import Model
from vmlitmus.litmus.format.read import read_test
from vmlitmus.litmus.format.text import LitmusError, read_text
from vmlitmus.model import TOPICS
from vmlitmus.scenario import Cell, Test

ROOT = Path(__file__).parent.parent / "catalogue"
_WIDE = re.compile(r"\A(?:[^\[\n]*\n)*wide = true\n")  # above the first table
_HERD = ".litmus"  # the suffix of a file in herd's format
_OFFERED = 5  # tests that a message names
Selected = tuple[Test, tuple[Cell, ...]]


class Catalogue:
    """All tests of the catalogue, read when asked for; with a user's own model, if one is given.

    Cells that are only simulated are left out, unless the catalogue is ``in_time``.
    """

    def __init__(self, model: Model | None = None, *, in_time: bool = False) -> None:
        self.in_time = in_time
        self.models = ChainMap({model.name: model} if model else {}, TOPICS)  # type: ignore[arg-type]
        self.default = model.name if model else None

    def model_of(self, topic: str) -> Model:
        """Return the model of a topic; raises ScenarioError."""
        if topic not in self.models:
            raise ScenarioError(unknown("topic", topic, self.models))
        return self.models[topic]

    def topics(self) -> list[str]:
        """Return the topics that have tests."""
        return sorted(p.name for p in ROOT.iterdir() if p.is_dir() and any(p.glob("*.toml")))

    def tests(self, topic: str | None = None, *, wide: bool = True) -> list[Test]:
        """Return the shipped tests, of one topic or of all; the wide ones only where asked for."""
        return self._read(self.files(topic), wide)

    def fitting(self, topic: str) -> list[Test]:
        """Return the shipped tests of a topic; of them, those that fit the user's own model."""
        found = []
        for path in self.files(topic):
            with suppress(*([LitmusError] if self.default else [])):
                found.append(self.read(path))
        return found

    def has_wide(self, topic: str) -> bool:
        """Say whether some of the shipped tests of a topic are wide."""
        return any(_WIDE.search(read_text(path)) for path in self.files(topic))

    def files(self, topic: str | None = None) -> list[Path]:
        """Return the files of the shipped tests, of one topic or of all; a stem is a name."""
        folders = [ROOT / t for t in self.topics() if topic in (None, t)]
        return [path for folder in folders for path in sorted(folder.glob("*.toml"))]

    def _read(self, paths: Iterable[Path], wide: bool) -> list[Test]:
        texts = ((path, read_text(path)) for path in paths)
        found = [self._shipped(*one) for one in texts if wide or not _WIDE.search(one[1])]
        return [test for test in found if wide or not test.wide]

    def read(self, path: Path) -> Test:
        """Return the test in a file; raises LitmusError."""
        if path.suffix == _HERD:
            test, model = self.herd(path)
            self.models[test.topic] = model
            return test
        if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(ROOT)):
            return self._shipped(path, read_text(path))
        test = read_test(read_text(path), str(path), None, self.model_of, self.default)
        return self._sized(dataclasses.replace(test, file=str(path)))

    def _shipped(self, path: Path, text: str) -> Test:
        """Return the test in a file of the catalogue with that text; raises LitmusError."""
        topic = path.parent.name
        if topic not in self.models.maps[0]:  # no model of the user's own
            return self._sized(_read_shipped(text, str(path), topic))
        test = read_test(text, f"{topic}/{path.name}", topic, self.model_of, self.default)
        return self._sized(dataclasses.replace(test, file=str(path)))

    def _sized(self, test: Test) -> Test:
        return dataclasses.replace(test, cells=test.simulated) if self.in_time else test

    def herd(self, path: Path) -> tuple[Test, Model]:
        """Return the test in a file of herd's format, and its model; raises HerdError."""
        from vmlitmus.litmus.format.herd import read_herd

        test, model = read_herd(read_text(path), str(path))
        return dataclasses.replace(test, file=str(path)), model

    def read_stdin(self) -> Test:
        """Return the test on standard input."""
        try:
            text = sys.stdin.read(1 << 20)
        except UnicodeDecodeError:
            raise LitmusError("standard input", None, "not UTF-8 text") from None
        test = read_test(text, "stdin", None, self.model_of, self.default)
        return self._sized(dataclasses.replace(test, file="stdin"))

    def select(self, selectors: Iterable[str], *, wide: bool) -> list[Selected]:
        """Return what the selectors name: all tests without any. Raises UsageError for nothing.

        An exact name or path is taken even if the test is wide. Raises LitmusError for all files
        that are wrong together.
        """
        chosen = list(selectors)
        if not chosen:
            return [(t, t.cells) for t in self.tests(wide=wide)]
        found: dict[str, Selected] = {}
        wrong: list[LitmusError] = []
        for selector in dict.fromkeys(chosen):
            try:
                for test, cells in self._one(selector, wide):
                    key = test.path + cells[0].name + str(len(cells))
                    found[key] = (test, cells)
            except LitmusError as error:
                wrong.append(error)
        if wrong:
            raise wrong[0].together(wrong[1:])
        return list(found.values())

    def _one(self, selector: str, wide: bool) -> list[Selected]:
        if selector == "-":
            test = self.read_stdin()
            return [(test, test.cells)]
        name, bracket, _ = selector.partition("[")
        if selector.endswith((".toml", _HERD)) and os.path.isfile(selector):
            name, bracket = selector, ""  # a file with a bracket in its name
        if name.endswith((".toml", _HERD)) or "/" in name:
            test = self.read(Path(name))
            return [(test, self._cells(test, selector) if bracket else test.cells)]
        path = _file_of(name)
        if path is not None:
            test = self.read(path)
            return [(test, self._cells(test, selector) if bracket else test.cells)]
        if "=" in selector:
            return self._matching_cells(name, selector, wide)
        matched = self._read(self._matching(selector), wide)
        if not matched:
            raise UsageError(self._nothing(selector))
        return [(t, t.cells) for t in matched]

    def _matching(self, pattern: str) -> list[Path]:
        """Return the files of a topic, or of the tests whose names match a glob."""
        if pattern in self.topics():
            return self.files(pattern)
        return [path for path in self.files() if fnmatch.fnmatchcase(path.stem, pattern)]

    def _matching_cells(self, pattern: str, selector: str, wide: bool) -> list[Selected]:
        """Return the cells that a glob of names with axes selects, such as 'drop*[kind=sev]'."""
        named = self._read(self._matching(pattern), wide)
        if not named:
            raise UsageError(self._nothing(pattern))
        found = [(t, _with_axes(t, selector)) for t in named]
        if not any(cells for _, cells in found):
            known = {f"{a}={v}" for t in named for c in t.cells for a, v in c.where.items()}
            given = selector.partition("[")[2].rstrip("]").split(",")
            wrong = next((part for part in given if part not in known), "")
            guess = nearest(wrong, known)
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise UsageError(f"no cell matches {selector!r}{hint}")
        return [(t, cells) for t, cells in found if cells]

    def _cells(self, test: Test, selector: str) -> tuple[Cell, ...]:
        """Return the cell of that name, or those whose axes have the values given."""
        wanted = test.name + "[" + selector.partition("[")[2]
        found = tuple(c for c in test.cells if c.name == wanted) or _with_axes(test, selector)
        if not found:
            guess = nearest(wanted, [c.name for c in test.cells])
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise UsageError(f"no cell {wanted!r} in {test.path}{hint}")
        return found

    def _nothing(self, selector: str) -> str:
        """Return the message for what selects nothing: what it is, or what may be meant."""
        if os.path.lexists(selector):
            what = "a folder" if os.path.isdir(selector) else "no litmus file"
            model = "; a model is given with --model" if selector.endswith(".py") else ""
            return f"{selector}: {what}: the name of a litmus file ends in .toml{model}"
        beside = nearest(selector, [path.name for path in Path().glob("*.toml")])
        if beside and beside.startswith(selector.partition(".")[0]):
            return f"no topic, test or path matches {selector!r}; did you mean {beside!r}?"
        word = selector.strip("*?[]").lower()
        files = self.files()
        mention = [path.stem for path in files if word and word in read_text(path).lower()]
        guess = nearest(selector, [*self.topics(), *(path.stem for path in files)])
        if guess and (not mention or guess.startswith(selector)):
            hint = f"; did you mean {guess!r}?"
        elif mention:
            hint = f"; tests that mention it: {', '.join(mention[:_OFFERED])}"
            if len(mention) > _OFFERED:
                hint += f" and {len(mention) - _OFFERED} more (vmlitmus list tests {word})"
        else:
            hint = "; see: vmlitmus list tests"
        return f"no topic, test or path matches {selector!r}{hint}"


def _file_of(name: str) -> Path | None:
    """Return the file of the shipped test with that name, if there is one."""
    files = (topic / f"{name}.toml" for topic in ROOT.iterdir())
    return next((path for path in files if os.path.isfile(path)), None)


@lru_cache(maxsize=4096)
def _read_shipped(text: str, file: str, topic: str) -> Test:
    """Return the test in a file of the catalogue, taken apart once."""
    shown = f"{topic}/{Path(file).name}"
    return dataclasses.replace(read_test(text, shown, topic, TOPICS.__getitem__), file=file)


def _with_axes(test: Test, selector: str) -> tuple[Cell, ...]:
    """Return the cells that have the values which the selector gives for some axes, in brackets."""
    inside = selector.partition("[")[2]
    if not inside.endswith("]"):
        return ()
    return tuple(c for c in test.cells if c.where and _agrees(c.where, inside[:-1]))


def _agrees(where: Mapping[str, str], given: str) -> bool:
    """Say whether "axis=value,..." are values of a cell; a value may itself have a comma."""
    if not given:
        return True
    for axis, value in where.items():
        part = f"{axis}={value}"
        if given == part:
            return True
        if given.startswith(part + ","):
            return _agrees(where, given[len(part) + 1 :])
    return False


def selector(test: Test, cell: Cell) -> str:
    """Return what selects a cell on the command line: by its name, or by the path of its file."""
    if test.shipped:
        return cell.name
    if test.path == "stdin":
        return "-"
    return test.path + cell.name.removeprefix(test.name)


@lru_cache(maxsize=16)
def counts_path(topic: str) -> Path:
    """Return where the blessed counts of a topic are stored."""
    return ROOT / topic / "counts.json"


def blessed(topic: str) -> dict[str, list[int]]:
    """Return the stored [states, transitions, depth] of each cell of a topic."""
    path = counts_path(topic)
    try:
        return _counts(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VmlitmusError(f"{path.name} of {topic}: {error}") from None


@lru_cache(maxsize=16)
def _counts(path: Path, _written: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = json.loads(path.read_text(encoding="utf-8"))
    return found
