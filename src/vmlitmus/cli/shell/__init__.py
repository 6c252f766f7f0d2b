"""What a shell and man need of the command line: completion, test names, the manual page."""
