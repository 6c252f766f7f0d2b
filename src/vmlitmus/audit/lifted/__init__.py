"""Scenarios of the model, lifted from a host, and what the model says of them."""
