"""trace.dat of trace-cmd: the container, its pages, and a stream of events for each cpu."""
