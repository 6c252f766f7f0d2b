"""What KVM does."""
