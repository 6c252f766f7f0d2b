"""Which parts of a mechanism a claim needs."""
