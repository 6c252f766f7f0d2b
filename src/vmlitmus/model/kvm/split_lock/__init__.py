"""What KVM and the host kernel do about split locks of guests."""
