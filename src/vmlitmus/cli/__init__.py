"""The command line; one file for each command, imported when it is used."""

from vmlitmus.cli.main import main

__all__ = ["main"]
