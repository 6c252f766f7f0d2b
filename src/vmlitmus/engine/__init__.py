"""Engines: decide a claim for every interleaving. Both know the language only."""

from vmlitmus.engine.ablation.ablate import ablate
from vmlitmus.engine.limits import Limits, Progress
from vmlitmus.engine.run import ENGINES, run
from vmlitmus.engine.trace import replay

__all__ = ["ENGINES", "Limits", "Progress", "ablate", "replay", "run"]
