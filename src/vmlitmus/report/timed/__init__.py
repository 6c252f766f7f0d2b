"""What simulations found, as text: numbers, sensitivity, the longest runs, and plots."""
