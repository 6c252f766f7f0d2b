"""Readers of real machines: typed facts with the file they were read from. Nothing here judges.

Every reader takes a :class:`~vmlitmus.host.tree.Tree`, so that a saved tree of any machine reads as
the machine itself does.
"""
