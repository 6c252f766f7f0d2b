"""A machine in time: the definition in plain Python, and the same as native code."""
