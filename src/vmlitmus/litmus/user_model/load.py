"""A user's own model: a Python file, imported so that it can break neither output nor exit code."""

from __future__ import annotations

import importlib.util
import os
import resource
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from types import FrameType, ModuleType

from vmlitmus.errors import ModelError, VmlitmusError
from vmlitmus.lang import Model
from vmlitmus.litmus.user_model.trial import TooLong, tried

_LARGEST = 4 << 20  # bytes of a model's file
SECONDS, MEMORY = 60.0, 4 << 30  # what a model has to be imported or to make a world, in bytes
LEAST = 5.0  # seconds that an import has, however short the limit of a test is
_LOADED: list[str] = []  # the files of models that were imported here


def load_model(path: str, seconds: float | None = None, memory: int | None = None) -> Model:
    """Return the ``MODEL`` of a user's Python file, imported within limits.

    ``seconds``, but ``LEAST`` at least, and ``memory`` (bytes beyond what is in use now) bound it.
    What the file prints goes to standard error. Raises ModelError when there is no model, or for
    whatever the file does, the end of the program included: it is imported in a process of its own
    first.
    """
    seconds, memory = max(seconds or SECONDS, LEAST), memory or MEMORY

    def imported(copied: Callable[[], None] | None = None) -> ModuleType:
        with kept_apart(seconds, memory, copied):
            return _imported(Path(path))

    tried(path, seconds, imported)
    _LOADED.append(path)
    try:
        module = imported()
    except TooLong:
        raise ModelError(
            f"importing it took longer than the time limit for that, {seconds:g} s", path
        ) from None
    except MemoryError:
        raise ModelError("importing it took more memory than there is", path) from None
    model = getattr(module, "MODEL", None)
    if not isinstance(model, Model):
        raise ModelError("the file has no MODEL = Model(...)", path)
    try:
        model.check()
    except ModelError as error:
        if error.place is not None:
            raise
        raise ModelError(f"MODEL: {error}", path) from None
    return model


def blamed(error: BaseException) -> ModelError | None:
    """Return the error of a model that an exception went through; None where there is none."""
    for path in _LOADED:
        place = place_in(error, path)
        if place is not None:
            return ModelError(_reason(error), place)
    return None


@contextmanager
def kept_apart(
    seconds: float | None = None,
    memory: int | None = None,
    copied: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Run code of a model: its output goes to standard error; raises TooLong and MemoryError.

    A copy of this process that the code forks calls ``copied`` and ends.
    Limits hold in the main thread of a process; elsewhere there is no way to stop code.
    """
    me = os.getpid()
    try:
        with _output_away(), _time_limit(seconds), _memory_limit(memory):
            yield
    finally:
        if os.getpid() != me:
            if copied:
                copied()
            os.kill(os.getpid(), signal.SIGKILL)


@contextmanager
def _output_away() -> Iterator[None]:
    """Send what is printed, here and by programs that are started, to standard error."""
    with redirect_stdout(sys.stderr):
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = os.dup(1)
        try:
            os.dup2(2, 1)
            yield
        finally:
            os.dup2(before, 1)
            os.close(before)


@contextmanager
def _time_limit(seconds: float | None) -> Iterator[None]:
    if seconds is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, _too_long)
    signal.setitimer(signal.ITIMER_REAL, min(max(seconds, 0.001), 1e8), 1.0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _too_long(number: int, frame: FrameType | None) -> None:
    raise TooLong


@contextmanager
def _memory_limit(memory: int | None) -> Iterator[None]:
    if memory is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    most = pages * resource.getpagesize() + memory + (64 << 20)  # imports of ours take some
    if soft == resource.RLIM_INFINITY or most < soft:
        resource.setrlimit(resource.RLIMIT_AS, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def beside(path: str) -> list[str]:
    """Return the litmus files in the folder of a user's model, as selectors, in order."""
    return [str(found) for found in sorted(Path(path).parent.glob("*.toml"))]


def _imported(path: Path) -> ModuleType:
    """Import a user's file, which may import the files beside it."""
    name = f"vmlitmus_user_{path.stem}"
    try:
        known = path.is_file() and path.stat().st_size <= _LARGEST
        spec = importlib.util.spec_from_file_location(name, path) if known else None
    except (OSError, ValueError):
        spec = None
    if spec is None or spec.loader is None:
        there = os.path.lexists(path)
        raise ModelError("not a Python file" if there else "no such file", str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    sys.dont_write_bytecode = True
    folder = os.path.realpath(path.parent)
    if folder not in sys.path:
        sys.path.append(folder)  # last: a file beside the model hides no package
    try:
        spec.loader.exec_module(module)
    except ModelError as error:
        if error.place is None:
            raise ModelError(str(error), place_in(error, str(path))) from None
        raise
    except (VmlitmusError, KeyboardInterrupt, TooLong, MemoryError):
        raise
    except SyntaxError as error:
        file = error.filename or path
        line = f":{error.lineno}" if error.lineno else ""
        raise ModelError(f"{error.msg}", f"{file}{line}") from None
    except SystemExit as error:
        raise ModelError(
            f"the file ends the program: {error!r}", place_in(error, str(path)) or str(path)
        ) from None
    except BaseException as error:
        raise ModelError(_reason(error), place_in(error, str(path)) or str(path)) from None
    return module


def _reason(error: BaseException) -> str:
    try:
        if isinstance(error, KeyError) and error.args:  # else its text is in quotes
            return f"{type(error).__name__}: {error.args[0]}"
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception of the model whose text cannot be had
        return type(error).__name__


def place_in(error: BaseException, path: str) -> str | None:
    """Return the file and its innermost line that an exception went through, or None."""
    real = os.path.realpath(path)
    lines = [
        number
        for frame, number in traceback.walk_tb(error.__traceback__)
        if os.path.realpath(frame.f_code.co_filename) == real
    ]
    return f"{path}:{lines[-1]}" if lines else None
