"""Code of a user's own model, run so that whatever it does is told as an error of that model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vmlitmus.decide.workers import spread
from vmlitmus.errors import ModelError, ModelLost, ModelTooLong, VmlitmusError
from vmlitmus.frozen import Frozen

B = TypeVar("B")
_GRACE = 2.0  # seconds beyond the time limit after which code of a model is stopped
_OURS = 256 << 20  # bytes that building a machine may take besides what the model takes


@contextmanager
def own_code(model: str | None, name: str, seconds: float | None = None) -> Iterator[None]:
    """Search with the code of a model's file; ``name`` is what is decided.

    Raises ModelError for what the code raises, the end of the program included, and ModelTooLong
    where it runs longer than ``seconds``. Without a file of the user's own nothing is different.
    """
    with _within(model, name, seconds, None):
        yield


@contextmanager
def own_world(
    model: str | None, name: str, seconds: float | None, memory: int | None
) -> Iterator[None]:
    """Make a world with the code of a model's file: as ``own_code``, and within ``memory``."""
    if model is None:
        yield
        return
    from vmlitmus.litmus.user_model.load import MEMORY, SECONDS

    with _within(model, name, seconds or SECONDS, (memory or MEMORY) + _OURS):
        yield


@contextmanager
def _within(
    model: str | None, name: str, seconds: float | None, memory: int | None
) -> Iterator[None]:
    if model is None:
        yield
        return
    from vmlitmus.litmus.user_model.load import kept_apart, place_in
    from vmlitmus.litmus.user_model.trial import TooLong

    try:
        with kept_apart(None if seconds is None else seconds + _GRACE, memory):
            yield
    except VmlitmusError:
        raise
    except TooLong:
        raise ModelTooLong(name, model, seconds) from None
    except MemoryError:
        if memory is None:
            raise
        raise ModelError(
            f"{name}: making its world takes more memory than there is", model
        ) from None
    except BaseException as error:
        place = place_in(error, model)
        if isinstance(error, Exception) and place is None:
            raise  # no line of the model has to do with it
        what = "" if isinstance(error, Exception) else "the model ends the program: "
        raise ModelError(f"{name}: {what}{error!r}", place or model) from None


def in_own_world(model: str | None, name: str, work: Callable[[], B]) -> B:
    """Return what ``work`` returns, which makes worlds or mechanisms of a model: apart, in limits.

    ``name`` is what the work is for. Raises VmlitmusError as ``apart`` and ``own_world`` do.
    """

    def within() -> B:
        with own_world(model, name, None, None):
            return work()

    return apart(model, name, within)


class Refused(Frozen):
    """An error that came up in another process: its message and its exit code."""

    message: str
    exit_code: int

    def error(self) -> VmlitmusError:
        error = VmlitmusError(self.message)
        error.exit_code = self.exit_code
        return error


def apart(
    model: str | None, name: str, work: Callable[[], B], busy: Callable[[str], None] | None = None
) -> B:
    """Return what ``work`` returns; with a model of the user's own, from a process of its own.

    ``busy`` is called with the name now and then. Raises VmlitmusError with the message and code of
    what the work raises, and ModelLost where the code of the model ends its process.
    """
    if model is None:
        return work()

    def caught(_: int) -> B | Refused | None:
        try:
            return work()
        except VmlitmusError as error:
            return Refused(str(error), error.exit_code)

    def lost(_: int) -> B | Refused | None:
        return None

    waiting = (lambda _: busy(name)) if busy else None
    found = dict(spread(caught, [0], waiting, workers=1, lost=lost, here=False))[0]
    if found is None:
        raise ModelLost(name, model)
    if isinstance(found, Refused):
        raise found.error()
    return found
