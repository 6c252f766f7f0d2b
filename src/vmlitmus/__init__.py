"""vmlitmus: litmus tests for how KVM on x86 isolates guests.

Five names are the interface to Python: ``load``, ``check``, ``explain``, ``table`` and ``ablate``.
They are imported when they are first used. The model language is ``vmlitmus.lang``, the engines are
``vmlitmus.engine``.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmlitmus.api import ablate, check, explain, load, table

__version__ = "0.1.0"
__all__ = ["__version__", "ablate", "check", "explain", "load", "table"]


def __getattr__(name: str) -> object:
    if name in __all__:
        import importlib

        return getattr(importlib.import_module("vmlitmus.api"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
