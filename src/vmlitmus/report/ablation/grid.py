"""The cells of a matrix test side by side: parts down, environments across."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence

from vmlitmus.outcome import Ablation, Part, PartStatus, Verdict
from vmlitmus.report.ablation.one_test import commands, needed, only_if, rests_on, sets, wrapped
from vmlitmus.report.columns import aligned, widths
from vmlitmus.report.timeline import WIDTH

_WORDS = {
    "load-bearing": "X",
    "only if": "o",
    "redundant": ".",
    "alone": "~",
    "vacuous": "-",
    "inconclusive": "?",
    "no part": " ",
    "violated": "v",
}
_MEANING = {
    "load-bearing": "violated without it",
    "only if": "redundant only if other parts stay on; see below",
    "redundant": "redundant here",
    "alone": "redundant alone; with others off too it is not known",
    "vacuous": "holds without it, but vacuously",
    "inconclusive": "not decided",
    "no part": "not used here, or switched off by the test",
    "violated": "the claim does not hold with all parts on",
}


def ablation_grid(found: Sequence[Ablation]) -> str:
    """Return the grid of a test, with a letter for each environment, and what it rests on."""
    head, body = rows(found)
    used = {word for line in body for word in line[1:]}
    if _width(head, body) > WIDTH:
        body = [[line[0], *(_WORDS[word] for word in line[1:])] for line in body]
    lines = [*wrapped(_title(found)), "", f"{found[0].claim}. Each part switched off alone:", ""]
    lines += aligned([head], body, 2 if _width(head, body) <= WIDTH else 1)
    signs = _WORDS if body and body[0][1:] and body[0][1] in _WORDS.values() else None
    lines += ["", *_legend(found)]
    if meanings := _meanings(used, signs):
        lines += ["", *meanings]
    lines += [*_else(found), *_sets(found), "", *_rests_on(found), *commands(found)]
    return "\n".join(lines)


def markdown_grid(found: Sequence[Ablation]) -> str:
    """Return the grid as a Markdown table with its legend, for a cover letter."""
    head, body = rows(found)
    table = [_bar(head), _bar(["---"] * len(head)), *map(_bar, body)]
    legend = [f"- {line}" for line in _legend(found)]
    rest = [*_else(found), *_sets(found), "", *_rests_on(found)]
    title = [f"**{_title(found)}**", "", f"`{found[0].claim}`, each part switched off alone:", ""]
    return "\n".join([*title, *table, "", *legend, "", *rest])


def rows(found: Sequence[Ablation]) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of the grid, in words."""
    parts = dict.fromkeys(part.name for a in found for part in a.result.parts)
    body = [[name, *(_word(a, name) for a in found)] for name in parts]
    return ["part", *_letters(len(found))], body


def _word(a: Ablation, name: str) -> str:
    if a.result.verdict is Verdict.VIOLATED:
        return "violated"
    part = _find(a, name)
    if part is None:
        return "no part"
    if part.vacuous:
        return "vacuous"
    if only_if(a, part):
        return "only if"
    unknown = part.status is PartStatus.REDUNDANT and not a.result.complete
    return "alone" if unknown else str(part.status.value)


def _find(a: Ablation, name: str) -> Part | None:
    return next((part for part in a.result.parts if part.name == name), None)


def _letters(count: int) -> list[str]:
    letters = string.ascii_lowercase
    if count <= len(letters):
        return list(letters[:count])
    return [str(number + 1) for number in range(count)]


def _title(found: Sequence[Ablation]) -> str:
    return f"{found[0].name.partition('[')[0]}: {found[0].question}"


def _width(head: Sequence[str], body: Sequence[Sequence[str]]) -> int:
    return sum(width + 2 for width in widths([head, *body]))


def _bar(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _legend(found: Sequence[Ablation]) -> list[str]:
    """Say what each letter stands for: what all environments share is left out."""
    lines = []
    for letter, a in zip(_letters(len(found)), found, strict=True):
        where = ", ".join(f"{axis}={_own(value, axis, found)}" for axis, value in a.where.items())
        lines += wrapped(f"{letter}: {where}")
    return lines


def _own(value: str, axis: str, found: Sequence[Ablation]) -> str:
    parts = [set(a.where[axis].split("+")) for a in found]
    common = set.intersection(*parts) if len({a.where[axis] for a in found}) > 1 else set()
    kept = [part for part in value.split("+") if part not in common]
    shown = "+".join(kept) or "(none of these)"
    return f"..+{shown}" if common and kept else shown


def _meanings(used: set[str], signs: Mapping[str, str] | None) -> list[str]:
    lines = []
    for word, meaning in _MEANING.items():
        if word in used and (signs or word not in ("load-bearing", "redundant", "inconclusive")):
            sign = signs[word].strip() or "(blank)" if signs else word
            lines.append(f"{sign}: {meaning}")
    return lines


def _else(found: Sequence[Ablation]) -> list[str]:
    """Say who else needs a part that no cell needs."""
    lines = []
    for name in dict.fromkeys(part.name for a in found for part in a.result.parts):
        pairs = [(a, part) for a in found if (part := _find(a, name)) is not None]
        texts = {needed(a, part) for a, part in pairs}
        if any(part.status is PartStatus.LOAD_BEARING for _, part in pairs) or None in texts:
            continue
        lines += wrapped(f'"{name}": {texts.pop()}.')
    return ["", *lines] if lines else []


def _sets(found: Sequence[Ablation]) -> list[str]:
    """Return the minimal sets, once for all cells that share them."""
    shared: dict[tuple[str, ...], list[str]] = {}
    for letter, a in zip(_letters(len(found)), found, strict=True):
        if a.result.verdict is Verdict.HOLDS:
            shared.setdefault(tuple(sets(a)), []).append(letter)
    return [
        line for text, letters in shared.items() for line in ["", *_where(letters, found), *text]
    ]


def _where(letters: Sequence[str], found: Sequence[Ablation]) -> list[str]:
    return ["In all:"] if len(letters) == len(found) else wrapped(f"In {', '.join(letters)}:")


def _rests_on(found: Sequence[Ablation]) -> list[str]:
    """Return what "redundant" rests on: first what all cells share, then the others with theirs."""
    shared: dict[str, list[str]] = {}
    for letter, a in zip(_letters(len(found)), found, strict=True):
        if a.result.verdict is not Verdict.VIOLATED:
            reason = f"Based on: {a.result.argument or a.result.reason}."
            for sentence in (reason, *rests_on(a)):
                shared.setdefault(sentence, []).append(letter)
    most = max(map(len, shared.values()), default=0)
    return [
        line
        for sentence, letters in sorted(shared.items(), key=lambda pair: len(pair[1]) < most)
        for line in wrapped(
            sentence if len(letters) == most else f"In {', '.join(letters)}: {sentence}"
        )
    ]
