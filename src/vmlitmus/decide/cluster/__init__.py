"""Work on the machines of a Ray cluster; nothing else imports Ray, and only when asked."""

from vmlitmus.decide.cluster.items import spread_on
from vmlitmus.decide.cluster.shards import RayShards, shards_on

__all__ = ["RayShards", "shards_on", "spread_on"]
