"""Results of earlier checks, kept by what they rest on."""

from vmlitmus.decide.kept.keys import Keys
from vmlitmus.decide.kept.store import Store, folder

__all__ = ["Keys", "Store", "folder"]
