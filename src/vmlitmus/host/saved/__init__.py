"""Saved hosts: archives, what is saved, and what is left without names."""
