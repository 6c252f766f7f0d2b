"""Tests in time: the same steps with durations, and what they cost.

``laws`` says how long something takes, ``simulators`` run a machine in time, ``measures`` turn what
happened into figures; ``simulate()`` does all of it for a test.
"""
