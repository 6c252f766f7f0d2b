"""Cache flushing for SEV guests: who flushes what, on which cpus."""
