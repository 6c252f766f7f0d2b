"""What the VMM, and the rest of the host, does."""
