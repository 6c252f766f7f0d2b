"""A core of a recorded run, followed through the model of core scheduling."""
