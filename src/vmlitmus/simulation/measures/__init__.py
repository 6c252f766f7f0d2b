"""What is measured of a run, and how well it is known."""
