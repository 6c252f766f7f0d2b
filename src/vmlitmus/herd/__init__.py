"""Litmus tests in the x86 format of herd: read, and made into a model."""
