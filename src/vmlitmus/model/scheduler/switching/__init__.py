"""A thread gets a cpu after another: what is cleared, and who may be on the sibling."""
