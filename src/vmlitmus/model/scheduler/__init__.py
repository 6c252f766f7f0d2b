"""What the host scheduler does."""
