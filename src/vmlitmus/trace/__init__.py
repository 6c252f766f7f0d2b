"""Readers of recorded runs: ftrace text, trace.dat of trace-cmd, perf script; events, no judging.

``open_recording`` gives a ``Recording``; its ``batches`` are the events in order of time.
"""

from vmlitmus.trace.events import Batch, Event, Kind, Loss
from vmlitmus.trace.recording import Recording, open_recording

__all__ = ["Batch", "Event", "Kind", "Loss", "Recording", "open_recording"]
