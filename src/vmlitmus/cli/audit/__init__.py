"""``vmlitmus audit``: a host, a kernel or a recorded run in; which claims are true of it, out."""
