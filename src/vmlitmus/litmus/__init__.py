"""Litmus files: text to scenarios, and the catalogue that is shipped."""

from vmlitmus.litmus.catalogue import Catalogue
from vmlitmus.litmus.format.read import read_test
from vmlitmus.litmus.format.text import LitmusError, refused
from vmlitmus.litmus.user_model.load import load_model

__all__ = ["Catalogue", "LitmusError", "load_model", "read_test", "refused"]
