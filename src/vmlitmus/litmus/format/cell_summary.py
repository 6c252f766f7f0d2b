"""The words of a litmus file: ``[[word]] word = "for ever", reached = "hint-set"``, in order.

A cell is summed up by the first word whose condition some reachable state satisfies; the last word
may have no condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from vmlitmus.errors import VmlitmusError, spelled, unknown
from vmlitmus.litmus.keys import key_names
from vmlitmus.outcome import Word


def read_words(
    given: object, conditions: Iterable[str], fail: Callable[..., VmlitmusError]
) -> tuple[Word, ...]:
    """Return the words of a file; ``fail`` makes the error for a message and the words to find."""
    if not isinstance(given, list) or not all(isinstance(row, dict) for row in given):
        raise fail("word is not a list of tables; write [[word]]", "word")
    names = list(conditions)
    found = []
    for row in given:
        for key in row:
            if key not in key_names("word"):
                raise fail(unknown("key of word", key, key_names("word")), key)
        word, reached = row.get("word"), row.get("reached")
        if not isinstance(word, str) or not word.strip():
            raise fail(f"word = {spelled(word)}: not a text", "word")
        if reached is not None and reached not in names:
            raise fail(unknown("condition", str(reached), names), str(reached))
        if reached is None and row is not given[-1]:
            raise fail(f"word {word!r} has no condition and is not the last", word)
        found.append(Word(word, reached))
    return tuple(found)
