"""Commands about a single run: replay it, choose its steps, find it in a recording, draw it."""
