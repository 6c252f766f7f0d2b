"""Litmus files: text to scenarios, and the catalogue that is shipped."""

from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.litmus.read import LitmusError, read_test, refused
from vmlitmus.litmus.user_model import load_model

__all__ = ["Catalogue", "LitmusError", "load_model", "read_test", "refused"]
