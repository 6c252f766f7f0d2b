"""The systems that are compared, written by hand for the peers: SPIN, Rumur, SimPy."""
