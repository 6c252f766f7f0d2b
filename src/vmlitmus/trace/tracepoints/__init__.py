"""Which tracepoint is which kind of event, and where its fields stand."""
