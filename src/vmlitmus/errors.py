"""Every error that vmlitmus raises on purpose: one class per kind, each with its exit code.

A violated claim is a result, not an error; nothing here stands for a verdict.
"""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 400  # characters of a value that is wrong, as a message shows it


class VmlitmusError(Exception):
    """Root of all errors; ``exit_code`` is what the command line returns."""

    exit_code = 70

    def __reduce__(self) -> tuple[object, ...]:
        """An error of a worker is raised in the process that it works for, whatever made it."""
        return _raised_elsewhere, (type(self), self.args, self.__dict__)


def _raised_elsewhere(
    kind: type[VmlitmusError], args: tuple[object, ...], data: dict[str, object]
) -> VmlitmusError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(data)
    return error


class ModelError(VmlitmusError):
    """A model is faulty: refused when it is built, or caught when one of its steps runs."""

    exit_code = 2

    def __init__(self, message: str, place: str | None = None) -> None:
        self.place = place
        super().__init__(f"{place}: {message}" if place else message)


class ModelTooLong(ModelError):
    """Code of a model runs longer than the time limit."""

    exit_code = 3

    def __init__(self, name: str, model: str, seconds: float | None) -> None:
        super().__init__(f"{name}: code of {model} runs longer than the time limit, {seconds:g} s")


class ModelLost(ModelError):
    """Code of a model ended the process that it ran in."""

    exit_code = 3

    def __init__(self, name: str, model: str) -> None:
        super().__init__(
            f"{name}: not decided: code of {model} ended its process, or it was killed, perhaps for"
            " want of memory"
        )


class OutOfTime(VmlitmusError):
    """A simulation cannot make the fewest runs that give figures within its time limit."""

    exit_code = 3

    def __init__(self, runs: int, fewest: int, seconds: float) -> None:
        super().__init__(
            f"{runs} of at least {fewest} runs are done after the time limit, {seconds:g} s: too"
            " few for figures; raise --time-limit, or shorten timing.horizon"
        )


class ScenarioError(VmlitmusError):
    """A scenario asks for something that its model does not offer."""

    exit_code = 2


class UsageError(VmlitmusError):
    """The command line, or a call of the Python interface, is wrong."""

    exit_code = 2


class HostError(VmlitmusError):
    """A file that was named to describe a host or a domain is not what it should be."""

    exit_code = 2

    def __init__(self, message: str, path: str, line: int | None = None) -> None:
        self.path = path
        self.line = line
        place = path if line is None else f"{path}:{line}"
        super().__init__(f"{place}: {message}")


class RecordingError(VmlitmusError):
    """A recorded run cannot be read at all; ``place`` is the file, and where in it."""

    exit_code = 2

    def __init__(self, message: str, place: str) -> None:
        self.place = place
        super().__init__(f"{place}: {message}")


class WorkerLost(VmlitmusError):
    """A process that did part of the work was killed, twice."""

    exit_code = 3

    def __init__(self) -> None:
        super().__init__("a process of ours was killed twice, perhaps for want of memory")


class EnginesDisagree(VmlitmusError):
    """The compiled engine and the reference engine gave different answers: always our bug.

    The message says so: neither the test nor the model is to blame, and there is no verdict.
    """

    exit_code = 70

    def __init__(self, detail: str) -> None:
        self.detail = detail
        super().__init__(
            f"no verdict: the two engines disagree ({detail}); this is a bug in vmlitmus, not in"
            " the test or the model; `--engine reference` decides without the compiled engine"
        )


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word closest to ``word``, or None when nothing is close."""
    import difflib

    names = list(known)
    found = difflib.get_close_matches(word, names, n=1, cutoff=0.5)
    same = [name for name in names if name.lower() == word.lower()]
    return next(iter(same or found), None)


def unknown(kind: str, given: object, known: Iterable[str]) -> str:
    """Return the message for an unknown name: the word, the nearest valid one or all."""
    word = _cut(given) if isinstance(given, str) else spelled(given)
    names = sorted(set(known))
    guess = nearest(word, names)
    if guess:
        return f"unknown {kind} {word!r}; did you mean {guess!r}?"
    return f"unknown {kind} {word!r}; known: {', '.join(names) if names else '(none)'}"


def spelled(value: object) -> str:
    """Return a value as a litmus file spells it: true, not True; for what a file has said wrong."""
    return _cut(_spelled(value))


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_spelled, value))}]"
    if isinstance(value, dict):
        rows = (f"{key} = {_spelled(entry)}" for key, entry in value.items())
        return f"{{ {', '.join(rows)} }}" if value else "{}"
    return repr(value) if isinstance(value, str) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}[...]"
