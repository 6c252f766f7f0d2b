"""What hardware does when a protected vcpu shares a core."""
