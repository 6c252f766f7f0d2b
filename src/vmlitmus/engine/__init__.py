"""Engines: decide a claim for every interleaving. Both know the language only."""

from typing import TYPE_CHECKING, Any

from vmlitmus.engine.limits import Limits, Progress
from vmlitmus.engine.run import ENGINES, run
from vmlitmus.engine.trace import replay

if TYPE_CHECKING:
    from vmlitmus.engine.ablation.ablate import ablate

__all__ = ["ENGINES", "Limits", "Progress", "ablate", "replay", "run"]


def __getattr__(name: str) -> Any:
    """Import what ablation needs when it is asked for."""
    if name == "ablate":
        from vmlitmus.engine.ablation.ablate import ablate

        return ablate
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
