"""Results of earlier checks, kept by what they rest on."""

from vmlitmus.decide.cache.keys import Keys
from vmlitmus.decide.cache.store import Store, folder
from vmlitmus.decide.cache.whole import WholeCheck

__all__ = ["Keys", "Store", "WholeCheck", "folder"]
