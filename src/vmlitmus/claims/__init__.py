"""What must hold, or must be possible: a folder for each topic, a file for each claim."""
