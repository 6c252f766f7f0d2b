"""The host's kernel: release, command line, boot messages."""
