"""Searching by orbits: one state stands for all that exchanges of entities make of it."""
