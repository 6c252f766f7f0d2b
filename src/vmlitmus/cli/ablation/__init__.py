"""``vmlitmus ablate``: a test in; which parts of the mechanisms it needs, out."""
