"""Parts that no test needs, and the docstrings that say why they are there all the same.

A mechanism explains such a part in the docstring of its file, class or function, in a paragraph

    Not load-bearing: "name of the part": the reason.
"""

from __future__ import annotations

import re
import sys
import types
from collections.abc import Iterable, Iterator

_PARAGRAPH = re.compile(r'Not load-bearing: "([^"]+)": (\S.*)', re.DOTALL)


def explained(functions: Iterable[types.FunctionType]) -> dict[str, str]:
    """Return the reason for each part that a docstring of the code which asks for it explains."""
    found: dict[str, str] = {}
    for function in functions:
        code = function.__code__
        named = [function.__globals__.get(name) for name in code.co_names]
        fixes = [getattr(value, "part", None) for value in named]
        asked = {text for text in (*code.co_consts, *named, *fixes) if isinstance(text, str)}
        for text in _docstrings(function):
            for paragraph in re.split(r"\n\s*\n", text):
                match = _PARAGRAPH.match(" ".join(paragraph.split()))
                if match and match[1] in asked:
                    found.setdefault(match[1], match[2])
    return found


def _docstrings(function: types.FunctionType) -> Iterator[str]:
    """Yield the docstrings of a function, of the class around it, and of its file."""
    module = sys.modules[function.__module__]
    around = vars(module).get(function.__qualname__.split(".")[0])
    for owner in (function, around, module):
        if isinstance(getattr(owner, "__doc__", None), str):
            yield str(owner.__doc__)
