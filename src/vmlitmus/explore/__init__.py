"""A local page on which a person chooses the steps of a run."""
