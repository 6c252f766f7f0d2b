"""Recorded runs: events in; who ran beside whom, and which claims are true of it, out."""
