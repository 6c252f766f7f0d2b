"""Lets the tests here import outcomes made by hand."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "browser"))
