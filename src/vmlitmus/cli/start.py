"""The console script: what can go wrong before the command line is read.

Nothing is imported here that takes time, so that an interrupt or a lack of memory is told in one
line.
"""

from __future__ import annotations

import gc
import os
import sys
from contextlib import suppress
from types import FrameType

_SOON = 0.01  # seconds until an interrupt is tried again that came in an import
GARBAGE = (200_000, 20, 20)  # lowered code is many small objects that live long: look seldom

CUT = (
    "a compiled file in a __pycache__ folder is cut short; perhaps a disk was full: remove the"
    " __pycache__ folders of vmlitmus and of your model"
)


def run() -> None:
    """Run the command line and exit with its code."""
    try:
        code = _main()
    except KeyboardInterrupt:
        code = _complain("interrupted", 130)
    except (MemoryError, ImportError, OSError, EOFError) as error:
        if os.environ.get("VMLITMUS_DEBUG"):
            raise
        reason = "not enough memory" if isinstance(error, MemoryError) else str(error)
        code = _complain(f"cannot start: {CUT if isinstance(error, EOFError) else reason}", 2)
    gc.freeze()  # at its end a process looks at all objects that are not
    sys.exit(code)


def _main() -> int:
    import signal

    gc.set_threshold(*GARBAGE)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # what is known is printed
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    signal.signal(signal.SIGALRM, _interrupt)
    from vmlitmus.cli.output.streams import repaired

    wrong = repaired()
    if wrong:
        return _complain(wrong, 2)
    if sys.flags.optimize > 1:
        _complain("python -OO drops docstrings: no report says what is not modelled", 0)
    from vmlitmus.cli.main import main

    return main()


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Interrupt what goes on: an import only later, as Python may drop what is raised in one.

    Where somebody else has the alarm, as while a user's model is loaded, at once.
    """
    import signal

    while frame is not None and signal.getsignal(signal.SIGALRM) is _interrupt:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            signal.setitimer(signal.ITIMER_REAL, _SOON)
            return
        frame = frame.f_back
    raise KeyboardInterrupt


def _complain(message: str, code: int) -> int:
    with suppress(OSError):
        os.write(2, f"vmlitmus: {message}\n".encode())
    return code
