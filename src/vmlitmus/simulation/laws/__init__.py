"""How long things take: random numbers, distributions, quantities, timings."""
