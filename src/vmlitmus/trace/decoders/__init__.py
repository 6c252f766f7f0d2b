"""Machine code that decodes lines and ring-buffer pages, and merges cpus in order of time."""
