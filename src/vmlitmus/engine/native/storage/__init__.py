"""Where a search keeps what it has found: states, their table, parents; in memory or in files."""
