"""The shipped litmus tests, and how tests are selected by name, topic or path."""

from __future__ import annotations

import dataclasses
import fnmatch
import importlib.util
import json
import sys
from collections import ChainMap
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from vmlitmus.errors import ModelError, ScenarioError, UsageError, VmlitmusError, nearest, unknown
from vmlitmus.lang import Model
from vmlitmus.litmus.read import LitmusError, read_test, read_text
from vmlitmus.model import TOPICS
from vmlitmus.scenario import Cell, Test

ROOT = Path(__file__).parent.parent / "catalogue"
_OFFERED = 5  # tests that a message names
Selected = tuple[Test, tuple[Cell, ...]]


class Catalogue:
    """All tests of the catalogue, read when asked for; with a user's own model, if one is given."""

    def __init__(self, model: Model | None = None) -> None:
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

    def tests(self, topic: str | None = None) -> list[Test]:
        """Return the shipped tests, of one topic or of all."""
        folders = [ROOT / t for t in self.topics() if topic in (None, t)]
        return [self.read(path) for folder in folders for path in sorted(folder.glob("*.toml"))]

    def read(self, path: Path) -> Test:
        """Return the test in a file; raises LitmusError."""
        inside = path.resolve().is_relative_to(ROOT.resolve())
        topic = path.parent.name if inside else None
        shown = f"{path.parent.name}/{path.name}" if inside else str(path)
        test = read_test(read_text(path), shown, topic, self.model_of, self.default)
        return dataclasses.replace(test, file=str(path))

    def read_stdin(self) -> Test:
        """Return the test on standard input."""
        try:
            text = sys.stdin.read(1 << 20)
        except UnicodeDecodeError:
            raise LitmusError("standard input", None, "not UTF-8 text") from None
        test = read_test(text, "stdin", None, self.model_of, self.default)
        return dataclasses.replace(test, file="stdin")

    def select(self, selectors: Iterable[str], *, wide: bool) -> list[Selected]:
        """Return what the selectors name: all tests without any. Raises UsageError for nothing.

        An exact name or path is taken even if the test is wide.
        """
        chosen = list(selectors)
        if not chosen:
            return [(t, t.cells) for t in self.tests() if wide or not t.wide]
        found: dict[str, Selected] = {}
        for selector in chosen:
            for test, cells in self._one(selector, wide):
                found[test.path + cells[0].name] = (test, cells)
        return list(found.values())

    def _one(self, selector: str, wide: bool) -> list[Selected]:
        if selector == "-":
            test = self.read_stdin()
            return [(test, test.cells)]
        name, bracket, _ = selector.partition("[")
        if name.endswith(".toml") or "/" in name:
            test = self.read(Path(name))
            return [(test, self._cells(test, selector) if bracket else test.cells)]
        paths = {path.stem: path for path in ROOT.glob("*/*.toml")}
        if name in paths:
            test = self.read(paths[name])
            return [(test, self._cells(test, selector) if bracket else test.cells)]
        tests = self.tests(selector if selector in self.topics() else None)
        matched = [
            t
            for t in tests
            if (t.topic == selector or fnmatch.fnmatchcase(t.name, selector))
            and (wide or not t.wide)
        ]
        if not matched:
            raise UsageError(self._nothing(selector, tests))
        return [(t, t.cells) for t in matched]

    def _cells(self, test: Test, selector: str) -> tuple[Cell, ...]:
        wanted = test.name + "[" + selector.partition("[")[2]
        found = tuple(c for c in test.cells if c.name == wanted)
        if not found:
            guess = nearest(wanted, [c.name for c in test.cells])
            hint = f"; did you mean {guess!r}?" if guess else ""
            raise UsageError(f"no cell {wanted!r} in {test.path}{hint}")
        return found

    def _nothing(self, selector: str, tests: list[Test]) -> str:
        word = selector.strip("*?[]").lower()
        mention = [t.name for t in tests if word and word in t.text.lower()]
        guess = nearest(selector, [*self.topics(), *(t.name for t in tests)])
        if mention:
            hint = f"; tests that mention it: {', '.join(mention[:_OFFERED])}"
            if len(mention) > _OFFERED:
                hint += f" and {len(mention) - _OFFERED} more (vmlitmus list tests {word})"
        else:
            hint = f"; did you mean {guess!r}?" if guess else "; see: vmlitmus list tests"
        return f"no topic, test or path matches {selector!r}{hint}"


def selector(test: Test, cell: Cell) -> str:
    """Return what selects a cell on the command line: by its name, or by the path of its file."""
    if test.shipped:
        return cell.name
    if test.path == "stdin":
        return "-"
    return test.path + cell.name.removeprefix(test.name)


def counts_path(topic: str) -> Path:
    """Return where the blessed counts of a topic are stored."""
    return ROOT / topic / "counts.json"


def blessed(topic: str) -> dict[str, list[int]]:
    """Return the stored [states, transitions, depth] of each cell of a topic."""
    try:
        found: dict[str, list[int]] = json.loads(counts_path(topic).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise VmlitmusError(f"{counts_path(topic).name} of {topic}: {error}") from None
    return found


def load_model(path: str) -> Model:
    """Return the ``MODEL`` of a user's Python file; raises ModelError when there is none."""
    module = _imported(Path(path))
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError("the file has no MODEL = Model(...)", path)
    return model


def beside(path: str) -> list[str]:
    """Return the litmus files in the folder of a user's model, as selectors, in order."""
    return [str(found) for found in sorted(Path(path).parent.glob("*.toml"))]


def _imported(path: Path) -> ModuleType:
    """Import a user's file, which may import the files beside it."""
    spec = importlib.util.spec_from_file_location(f"vmlitmus_user_{path.stem}", path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ModelError("not a Python file", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.dont_write_bytecode = True
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file beside the model hides no package
    try:
        spec.loader.exec_module(module)
    except VmlitmusError:
        raise
    except SyntaxError as error:
        raise ModelError(f"{error.msg}", f"{path}:{error.lineno}") from None
    except Exception as error:
        raise ModelError(f"{type(error).__name__}: {error}", str(path)) from None
    return module
