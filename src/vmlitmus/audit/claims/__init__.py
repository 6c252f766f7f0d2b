"""The claims, and who judges them."""
