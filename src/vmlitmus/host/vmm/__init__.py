"""What VMMs and their managers say of their guests."""
