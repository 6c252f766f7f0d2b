"""What guests do."""
