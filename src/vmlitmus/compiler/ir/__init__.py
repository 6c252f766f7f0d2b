"""The typed intermediate form, and the folding of constants in it."""
