"""Cpus of the host: sets of them, cores, cpusets."""
