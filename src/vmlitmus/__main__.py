"""``python -m vmlitmus``."""

from vmlitmus.cli.start import run

run()
