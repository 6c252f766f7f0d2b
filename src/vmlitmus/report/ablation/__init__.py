"""What a test needs, as text, Markdown and JSON: one test, or the cells of a matrix."""
