"""The definition: searches in plain Python, small and obvious. Every run is replayed here."""
