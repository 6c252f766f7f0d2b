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
    for number in (signal.SIGTERM, signal.SIGHUP):  # what is known is printed, as after Ctrl-C
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)
    from vmlitmus.cli.output.streams import repaired

    wrong = repaired()
    if wrong:
        return _complain(wrong, 2)
    if sys.flags.optimize > 1:
        _complain("python -OO drops docstrings: no report says what is not modelled", 0)
    from vmlitmus.cli.main import main

    return main()


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _complain(message: str, code: int) -> int:
    with suppress(OSError):
        os.write(2, f"vmlitmus: {message}\n".encode())
    return code
