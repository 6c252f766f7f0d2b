"""What the hardware does."""
