"""From a model and a scenario to the instances of a machine, pruned of what cannot matter."""
