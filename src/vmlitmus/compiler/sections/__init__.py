"""Sequences: expanded, cut into atomic sections, and given the locals that live across yields."""
