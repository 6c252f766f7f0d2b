"""Threads of the host: what they are, their cookies, which of them run vcpus."""
