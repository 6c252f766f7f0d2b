"""pytest collects litmus files: each cell is a test that passes when its verdict is as expected.

    pytest tests/isolation --vmlitmus-model model.py

A file is taken if it has a question, and a claim or axes or a reason; other TOML files are left
alone. One that seems to be a litmus file and cannot be read is an error. A cell of which nothing is
expected is skipped, with its verdict. Nothing of vmlitmus is imported until a file is found.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from vmlitmus.outcome import Outcome

_LARGEST = 1 << 20  # bytes of a file that is looked into


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("vmlitmus")
    names = ["--vmlitmus-model"]
    help_ = "the Python file with the model that the collected litmus files ask about"
    try:
        group.addoption("--model", *names, dest="vmlitmus_model", metavar="FILE", help=help_)
    except ValueError:  # another plugin has the short name
        group.addoption(*names, dest="vmlitmus_model", metavar="FILE", help=help_)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.File | None:
    if file_path.suffix == ".toml" and _is_litmus(file_path):
        return LitmusFile.from_parent(parent, path=file_path)
    return None


def _is_litmus(path: Path) -> bool:
    """Say whether a file has a question, and what only a litmus file has beside it.

    A file that is not TOML, but has such lines, is taken: to leave it out would say that it passes.
    """
    import re
    import tomllib

    from vmlitmus.named_file import read_named

    try:
        data = read_named(path, _LARGEST)
    except (OSError, ValueError):
        return False
    try:
        keys = tomllib.loads(data.decode("utf-8-sig")).keys()
    except (ValueError, RecursionError):
        text = data.decode("utf-8-sig", "replace")
        keys = dict.fromkeys(re.findall(r"^\[?(\w+)(?:\]| *=)", text, re.MULTILINE)).keys()
    return "question" in keys and bool({"claim", "matrix", "because", "decided_by"} & keys)


class LitmusFile(pytest.File):
    """A litmus file; its items are its cells."""

    def collect(self) -> Iterator[pytest.Item]:
        from vmlitmus.api import load
        from vmlitmus.errors import VmlitmusError

        try:
            tests = load(self.path, model=self.config.getoption("vmlitmus_model"))
        except VmlitmusError as error:
            raise self.CollectError(str(error)) from None
        for _, cell in tests.cells:
            yield LitmusCell.from_parent(self, name=cell.name)


class LitmusCell(pytest.Item):
    """One cell: fails with the report on it when the verdict is not the expected one."""

    def runtest(self) -> None:
        from vmlitmus.api import check, load

        cell = self.name.removeprefix(self.path.stem)
        tests = load(f"{self.path}{cell}", model=self.config.getoption("vmlitmus_model"))
        outcome = check(tests)[0]
        if not outcome.as_expected:
            raise _NotAsExpected(outcome)
        if outcome.expected is None and outcome.result is not None:
            pytest.skip(f"no expectation: {outcome.result.verdict.value}")

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        if isinstance(excinfo.value, _NotAsExpected):
            from vmlitmus.report.explain import explain

            return explain(excinfo.value.outcome, rows=None)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        return self.path, None, self.name


class _NotAsExpected(Exception):
    def __init__(self, outcome: Outcome) -> None:
        self.outcome = outcome
        super().__init__(outcome.name)
