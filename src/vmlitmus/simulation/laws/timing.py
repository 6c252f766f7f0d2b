"""A timing: how long the steps of a model take. It is data beside the model; the model stays.

A timing is a TOML table with parameters, each with its source, and rows: a row says of some steps
which law their duration has. What no row is about is immediate.
"""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vmlitmus.errors import ScenarioError, spelled, unknown
from vmlitmus.named_file import read_named
from vmlitmus.printable import control_in, printable
from vmlitmus.simulation.laws import distribution
from vmlitmus.simulation.laws.distribution import Law
from vmlitmus.simulation.laws.quantity import quantity

MEMORIES = ("enabling", "age", "resampling")
_LARGEST = 1 << 20  # bytes of a timing file
_TOP = ("about", "parameter", "time")
_PARAMETER = ("value", "low", "high", "means", "source")
_ROW = ("step", "label", "after", "of", "priority", "weight", "memory", "never", "plus", "source")
_LAWS = (
    "constant", "uniform", "exponential", "rate", "erlang", "gamma", "lognormal", "quantiles",
    "choice", "lattice",
)  # fmt: skip


@dataclass(frozen=True)
class Parameter:
    """A named quantity: what it is, its value and range as text, and who says so."""

    name: str
    value: object
    low: object
    high: object
    means: str
    source: str


@dataclass(frozen=True)
class Row:
    """Which steps a row is about, and the law as it stands in the file.

    ``step`` is the name of a step or of a disturbance; of a sequence, ``label`` is that of the
    section, ``after`` that of the one before it; ``of`` are those who do it. Names and labels may
    have wildcards.
    """

    step: str
    label: str
    after: str
    of: tuple[str, ...]
    table: Mapping[str, Any]
    priority: int
    weight: object
    memory: str
    never: bool
    source: str
    place: str
    own: bool = True  # false: it stands in a timing of a topic, which many scenarios use


@dataclass(frozen=True)
class Timing:
    """Parameters and rows of a file. Of several rows about one step the last one counts."""

    path: str
    about: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()

    def values(self, chosen: Mapping[str, object], counts: Mapping[str, float]) -> dict[str, float]:
        """Return the value of each parameter, some chosen; raises ScenarioError.

        A parameter may be written in terms of those before it, and of ``counts``.
        """
        for name in chosen:
            if name not in self.parameters:
                raise ScenarioError(unknown("parameter", name, self.parameters))
        found = dict(counts)
        for name, parameter in self.parameters.items():
            value = chosen.get(name, parameter.value)
            found[name] = quantity(value, found, f"timing.{name}")
        return found


def read_timing(path: Path) -> Timing:
    """Return the timing in a file; raises ScenarioError with file and place."""
    try:
        data = read_named(path, _LARGEST)
        return timing_of(tomllib.loads(data.decode("utf-8-sig")), str(path))
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ScenarioError(f"{path}: not UTF-8 text") from None
    except RecursionError:
        raise ScenarioError(f"{path}: nested too deeply") from None
    except ValueError as error:
        raise ScenarioError(f"{path}: {error}") from None


def timing_of(table: Mapping[str, Any], path: str) -> Timing:
    """Return the timing that a table describes; raises ScenarioError that begins with the path."""
    try:
        _plain(table)
        _only(table, _TOP, "key")
        parameters = _table(table, "parameter")
        return Timing(
            path,
            _text(table, "about"),
            {name: _parameter(name, given) for name, given in parameters.items()},
            tuple(_row(row, f"[[time]] {n}") for n, row in enumerate(_rows(table), 1)),
        )
    except ScenarioError as error:
        raise ScenarioError(f"{path}: {error}") from None


def _plain(value: object) -> None:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _plain(key)
            _plain(inner)
    elif isinstance(value, list):
        for inner in value:
            _plain(inner)
    elif isinstance(value, str) and control_in(value):
        raise ScenarioError(f"{printable(value)!r}: a control character, {control_in(value)}")


def _only(table: Mapping[str, Any], known: Sequence[str], what: str) -> None:
    for key in table:
        if key not in known:
            raise ScenarioError(unknown(what, key, known))


def _table(table: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, Mapping) or not all(isinstance(v, Mapping) for v in found.values()):
        raise ScenarioError(f"{name} is not a table of tables; write [{name}.NAME]")
    return found


def _rows(table: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    found = table.get("time", [])
    if not isinstance(found, list) or not all(isinstance(row, Mapping) for row in found):
        raise ScenarioError("time is not a list of tables; write [[time]]")
    return found


def _text(table: Mapping[str, Any], name: str) -> str:
    found = table.get(name, "")
    if not isinstance(found, str):
        raise ScenarioError(f"{name} = {spelled(found)}: not a text")
    return found


def _parameter(name: str, table: Mapping[str, Any]) -> Parameter:
    if not name.isidentifier():
        raise ScenarioError(f"parameter {name!r}: a name has letters, digits and _ only")
    _only(table, _PARAMETER, f"key of parameter {name}")
    if "value" not in table:
        raise ScenarioError(f"parameter {name}: value is missing")
    value = table["value"]
    return Parameter(
        name,
        value,
        table.get("low", value),
        table.get("high", value),
        _text(table, "means"),
        _text(table, "source"),
    )


def _row(table: Mapping[str, Any], place: str) -> Row:
    try:
        _only(table, (*_ROW, *_LAWS), "key")
        of = table.get("of", [])
        if not isinstance(of, list) or not all(isinstance(name, str) for name in of):
            raise ScenarioError(f'of = {spelled(of)}: not a list of entities, such as ["cpu0"]')
        if not _text(table, "step"):
            raise ScenarioError('step is missing: the name of a step, or "*"')
        memory = table.get("memory", "enabling")
        if memory not in MEMORIES:
            raise ScenarioError(unknown("memory", str(memory), MEMORIES))
        laws = [key for key in _LAWS if key in table]
        if len(laws) > 1:
            raise ScenarioError(f"two laws, {laws[0]} and {laws[1]}")
        if not laws and "plus" in table:
            raise ScenarioError("plus without a law")
        never = table.get("never", False)
        if not isinstance(never, bool) or (never and laws):
            raise ScenarioError(f"never = {spelled(never)}: not true, or beside a law")
        return Row(
            step=_text(table, "step"),
            label=_text(table, "label"),
            after=_text(table, "after"),
            of=tuple(of),
            table={key: table[key] for key in (*laws, "plus") if key in table},
            priority=int(_number(table, "priority", 0)),
            weight=table.get("weight", 1),
            memory=memory,
            never=never,
            source=_text(table, "source"),
            place=place,
        )
    except ScenarioError as error:
        raise ScenarioError(f"{place}: {error}") from None


def _number(table: Mapping[str, Any], name: str, default: float) -> float:
    found = table.get(name, default)
    if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) < 1e6:
        raise ScenarioError(f"{name} = {spelled(found)}: not a number")
    return found


def law_of(row: Row, names: Mapping[str, float]) -> Law | None:
    """Return the law of a row with values for its parameters; None where the steps are immediate.

    Raises ScenarioError.
    """
    try:
        return _law(row.table, names)
    except ScenarioError as error:
        raise ScenarioError(f"{row.place}: {error}") from None


def weight_of(row: Row, names: Mapping[str, float]) -> float:
    """Return the weight of a row with values for its parameters; raises ScenarioError."""
    found = quantity(row.weight, names, f"{row.place}: weight")
    if found < 0:
        raise ScenarioError(f"{row.place}: weight = {spelled(row.weight)}: below 0")
    return found


def _law(table: Mapping[str, Any], names: Mapping[str, float]) -> Law | None:
    kinds = [key for key in table if key not in ("plus", "weight", "jitter")]
    if not kinds:
        return None
    made = _MAKERS[kinds[0]](table[kinds[0]], names)
    plus = quantity(table.get("plus", 0), names, "plus")
    return replace(made, plus=made.plus + plus)


def _time(value: object, names: Mapping[str, float], what: str, *, positive: bool = False) -> float:
    found = quantity(value, names, what)
    if found < 0 or (positive and found == 0):
        least = "greater than 0" if positive else "at least 0"
        raise ScenarioError(f"{what} = {spelled(value)}: a time is {least}")
    if found > 2.0**62:
        raise ScenarioError(f"{what} = {spelled(value)}: longer than 146 years")
    return found


def _constant(value: object, names: Mapping[str, float]) -> Law:
    return Law(distribution.CONSTANT, _time(value, names, "constant"))


def _uniform(value: object, names: Mapping[str, float]) -> Law:
    if not isinstance(value, list) or len(value) != 2:
        raise ScenarioError(f'uniform = {spelled(value)}: write two times, ["1 us", "3 us"]')
    low, high = (_time(v, names, "uniform") for v in value)
    if low > high:
        raise ScenarioError(f"uniform = {spelled(value)}: the first time is above the second")
    return Law(distribution.UNIFORM, low, high)


def _exponential(value: object, names: Mapping[str, float]) -> Law:
    return Law(distribution.EXPONENTIAL, _time(value, names, "exponential"))


def _rate(value: object, names: Mapping[str, float]) -> Law:
    found = quantity(value, names, "rate")
    if not found > 0 or not math.isfinite(1 / found):
        raise ScenarioError(f'rate = {spelled(value)}: not a rate such as "250 /s"')
    return Law(distribution.EXPONENTIAL, 1 / found)


def _keys(value: object, name: str, known: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise ScenarioError(f"{name} = {spelled(value)}: write a table with {', '.join(known)}")
    _only(value, known, f"key of {name}")
    return value


def _erlang(value: object, names: Mapping[str, float]) -> Law:
    table = _keys(value, "erlang", ("mean", "phases"))
    phases = table.get("phases", 1)
    if not isinstance(phases, int) or isinstance(phases, bool) or not 1 <= phases <= 1000:
        raise ScenarioError(f"erlang.phases = {spelled(phases)}: not an integer in 1..1000")
    return Law(distribution.ERLANG, _time(table.get("mean"), names, "erlang.mean"), phases)


def _shaped(kind: int, first: str, second: str) -> Callable[[object, Mapping[str, float]], Law]:
    def made(value: object, names: Mapping[str, float]) -> Law:
        name = distribution.KINDS[kind]
        table = _keys(value, name, (first, second))
        shape = quantity(table.get(second), names, f"{name}.{second}")
        if not 0 < shape <= 1e6:
            raise ScenarioError(f"{name}.{second} = {spelled(shape)}: not in 0..1000000")
        return Law(kind, _time(table.get(first), names, f"{name}.{first}"), shape)

    return made


def _quantiles(value: object, names: Mapping[str, float]) -> Law:
    if not isinstance(value, Mapping) or len(value) < 2:
        example = '{ "0" = "1 us", "100" = "9 us" }'
        raise ScenarioError(f"quantiles = {spelled(value)}: write {example}")
    points = []
    for percent, time in value.items():
        at = quantity(percent, {}, "quantiles") / 100
        points.append((at, _time(time, names, f"quantiles.{percent}")))
    points.sort()
    rising = all(a[1] <= b[1] and a[0] < b[0] for a, b in itertools.pairwise(points))
    if points[0][0] != 0 or points[-1][0] != 1 or not rising or len(points) > 64:
        raise ScenarioError('quantiles: they rise from "0" to "100", at most 64')
    return Law(distribution.QUANTILES, points=tuple(points))


def _choice(value: object, names: Mapping[str, float]) -> Law:
    if not isinstance(value, list) or not 1 <= len(value) <= 64:
        wanted = "write a list of 1 to 64 laws with a weight each"
        raise ScenarioError(f"choice = {spelled(value)}: {wanted}")
    parts, weights = [], []
    for given in value:
        table = _keys(given, "choice", ("weight", "plus", *_LAWS))
        if len([key for key in table if key in _LAWS]) != 1 or "choice" in table:
            raise ScenarioError("choice: each entry has one law, and none is a choice")
        weight = quantity(table.get("weight", 1), names, "choice.weight")
        part = _law(table, names)
        if weight < 0 or part is None:
            raise ScenarioError(f"choice.weight = {spelled(weight)}: below 0")
        parts.append(part)
        weights.append(weight)
    total = math.fsum(weights)
    if not total > 0:
        raise ScenarioError("choice: all weights are 0")
    points, below = [], 0.0
    for number, weight in enumerate(weights):
        below += weight / total
        points.append((below, float(number)))
    points[-1] = (1.0, points[-1][1])
    return Law(distribution.CHOICE, points=tuple(points), parts=tuple(parts))


def _lattice(value: object, names: Mapping[str, float]) -> Law:
    table = _keys(value, "lattice", ("period", "phase", "points", "jitter"))
    period = round(_time(table.get("period"), names, "lattice.period", positive=True))
    phase = round(_time(table.get("phase", 0), names, "lattice.phase"))
    points = quantity(table.get("points", 1), names, "lattice.points")
    if not 1 <= points <= 1e6 or points != int(points):
        raise ScenarioError(f"lattice.points = {spelled(points)}: not an integer in 1..1000000")
    if period < 1:
        raise ScenarioError("lattice.period: shorter than 1 ns")
    jitter: tuple[Law, ...] = ()
    if "jitter" in table:
        found = _law(_keys(table["jitter"], "lattice.jitter", _LAWS), names)
        if found is None or found.kind in (distribution.LATTICE, distribution.CHOICE):
            raise ScenarioError("lattice.jitter: write one law, such as { uniform = [0, '1 us'] }")
        jitter = (found,)
    return Law(distribution.LATTICE, period, phase % period, points, parts=jitter)


_MAKERS: dict[str, Callable[[object, Mapping[str, float]], Law]] = {
    "constant": _constant,
    "uniform": _uniform,
    "exponential": _exponential,
    "rate": _rate,
    "erlang": _erlang,
    "gamma": _shaped(distribution.GAMMA, "mean", "shape"),
    "lognormal": _shaped(distribution.LOGNORMAL, "median", "sigma"),
    "quantiles": _quantiles,
    "choice": _choice,
    "lattice": _lattice,
}
