"""Litmus files: text to scenarios, and the catalogue that is shipped."""

from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.litmus.format.read import read_test
from vmlitmus.litmus.format.text import LitmusError

__all__ = ["Catalogue", "LitmusError", "read_test"]
