"""``python -m vmlitmus``."""

from vmlitmus.cli.main import run

run()
