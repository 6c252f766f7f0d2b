"""Where results go: terminal, pipe or file, and how progress is shown meanwhile."""
