"""The longest time between two things, over all orders and all durations that are possible."""
