"""Litmus files: text to scenarios, and the catalogue that is shipped."""

from vmlitmus.litmus.catalogue import Catalogue, load_model
from vmlitmus.litmus.read import LitmusError, read_test, refused

__all__ = ["Catalogue", "LitmusError", "load_model", "read_test", "refused"]
