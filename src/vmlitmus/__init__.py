"""vmlitmus: litmus tests for how KVM on x86 isolates guests.

The model language is ``vmlitmus.lang``, the engines are ``vmlitmus.engine``; everything else is
reached through the command line.
"""

__version__ = "0.1.0"
__all__ = ["__version__"]
