"""Say where in a model an instance went wrong."""

from __future__ import annotations

from types import TracebackType

from vmlitmus.compiler import Instance
from vmlitmus.errors import ModelError
from vmlitmus.lang import NotEnabled
from vmlitmus.lang.syntax.trees import shown_path


def blamed(what: str, error: Exception, instance: Instance | None = None) -> ModelError:
    """Return a ModelError that says what failed, the reason and the line of model code."""
    return ModelError(f"{what}: {_reason(error)}", _place(instance, error.__traceback__))


def _reason(error: Exception) -> str:
    text = str(error)
    if isinstance(error, NotEnabled):
        return "a guard after an effect in the same section"
    if "'NoneType' object has no attribute" in text:
        return "None has no fields: " + text.rsplit("attribute ", 1)[-1]
    return text or type(error).__name__


def _place(instance: Instance | None, trace: TracebackType | None) -> str | None:
    """Return file and line of the innermost line of model code."""
    import traceback

    for frame in reversed(traceback.extract_tb(trace)):
        if frame.filename.startswith("<sections of") and instance and frame.lineno:
            assert instance.program is not None
            return instance.program.done.expanded.lines[frame.lineno]
        if "vmlitmus/lang" not in frame.filename and "vmlitmus/engine" not in frame.filename:
            return f"{shown_path(frame.filename)}:{frame.lineno}"
    return None
