"""The text of a model: syntax trees, labels and docstrings of its functions and classes."""
