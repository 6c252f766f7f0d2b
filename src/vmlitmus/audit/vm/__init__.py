"""One VM of a host: its threads, what its guest is shown."""
