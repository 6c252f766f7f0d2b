"""Matrix tests: outcomes of the cells in; grids as text, Markdown, CSV and JSON out."""
