"""What can happen: one file per mechanism; one model per topic."""

from vmlitmus.lang import Model
from vmlitmus.model.kvm.cache_flush.topic import CACHE_FLUSH

TOPICS: dict[str, Model] = {CACHE_FLUSH.name: CACHE_FLUSH}

__all__ = ["CACHE_FLUSH", "TOPICS"]
