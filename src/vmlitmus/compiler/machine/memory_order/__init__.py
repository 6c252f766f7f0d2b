"""Which loads may pass which stores, and the store buffers that a machine has for it."""
