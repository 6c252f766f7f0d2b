"""Lets the tests here use what loads random models."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "agreement"))
