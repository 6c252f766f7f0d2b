"""Passes over packed states, in the kernel language; a search compiles those that it needs."""
