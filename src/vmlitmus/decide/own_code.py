"""Code of a user's own model, run so that whatever it does is told as an error of that model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from vmlitmus.decide.workers import spread
from vmlitmus.errors import ModelError, ModelTooLong, VmlitmusError
from vmlitmus.litmus.user_model import MEMORY, SECONDS, TooLong, kept_apart, place_in

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
    with _within(model, name, seconds or SECONDS, (memory or MEMORY) + _OURS):
        yield


@contextmanager
def _within(
    model: str | None, name: str, seconds: float | None, memory: int | None
) -> Iterator[None]:
    if model is None:
        yield
        return
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


def apart(
    model: str | None,
    work: Callable[[], B],
    lost: Callable[[], B],
    busy: Callable[[], None] | None = None,
) -> B:
    """Return what ``work`` returns, or ``lost`` where the code of a model ends its process.

    Without a file of the user's own the work is done here. ``busy`` is called now and then.
    """
    if model is None:
        return work()
    found = spread(
        lambda _: work(),
        [0],
        (lambda _: busy()) if busy else None,
        workers=1,
        lost=lambda _: lost(),
        here=False,
    )
    return next(iter(dict(found).values()))
