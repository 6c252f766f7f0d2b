"""The compiled engine: packed states, generated code, and the search around it."""
