"""A user's own model: a Python file, imported within limits."""
