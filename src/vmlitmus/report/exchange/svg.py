"""A run as a picture: lanes, blocks, arrows; for a page that shows images, in light and dark.

Widths of texts are estimated, as no font is known here: the picture is the same on every machine.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from vmlitmus.outcome import Outcome, Result, TraceStep
from vmlitmus.report.cause import headline
from vmlitmus.report.explain import ending
from vmlitmus.report.timeline import column

_LETTER = 6.6  # estimated width of a letter, in pixels
_LARGE = 8.6  # of one of the title
_LINE = 17  # height of a line of text
_LANE = 190  # width of a lane
_LEFT, _TOP, _GAP = 44, 92, 8
_HUES = (255, 60, 155, 325, 200, 100, 290, 40, 175, 350, 225, 125)
_STYLE = """\
text { font: 13px system-ui, sans-serif; fill: #1b1f24; }
.paper { fill: #ffffff; stroke: #d9dde3; }
.title { font-weight: 700; font-size: 15px; }
.head { font-weight: 700; text-anchor: middle; }
.soft, .n { fill: #59626e; }
.n { font-size: 11px; text-anchor: end; }
.end { fill: #a8201a; font-weight: 700; }
.rail { stroke: #d9dde3; }
.arrow { fill: none; stroke: #59626e; stroke-width: 1.4; }
.dashed { stroke-dasharray: 4 4; }
.tip { fill: #59626e; }
.back { fill-opacity: 0.13; }
@media (prefers-color-scheme: dark) {
  text { fill: #e4e7eb; }
  .paper { fill: #1c1f25; stroke: #343a44; }
  .soft, .n { fill: #a2abb8; }
  .end { fill: #ff9d94; }
  .rail { stroke: #343a44; }
  .arrow { stroke: #a2abb8; }
  .tip { fill: #a2abb8; }
  .back { fill-opacity: 0.25; }
}
"""


@dataclass(frozen=True)
class _Block:
    """A step on the picture: its lane, its place in pixels, its lines."""

    step: TraceStep
    lane: int
    y: int
    lines: list[str]

    @property
    def x(self) -> int:
        return _LEFT + self.lane * (_LANE + _GAP)

    @property
    def height(self) -> int:
        return len(self.lines) * _LINE + 10


def svg(outcome: Outcome) -> str | None:
    """Return the picture of an outcome's run; None for an outcome without a run.

    Solid arrows lead to steps that could not have happened without the other, dashed ones to steps
    that would have done something else.
    """
    r = outcome.result
    if r is None or not r.trace:
        return None
    lanes = list(dict.fromkeys(map(column, r.trace)))
    blocks = _blocks(r.trace, lanes)
    width = max(_LEFT + len(lanes) * (_LANE + _GAP) + _GAP, 560)
    height = blocks[-1].y + blocks[-1].height + 44
    title = _lines(outcome.question, width - 32, _LARGE)
    height += (len(title) - 1) * _LINE
    down = (len(title) - 1) * _LINE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{_text(outcome.question)}">',
        f"<style>\n{_STYLE}</style>",
        f'<rect class="paper" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="8"/>',
        *(f'<text class="title" x="16" y="{26 + n * _LINE}">{_text(t)}</text>'
          for n, t in enumerate(title)),
        f'<text class="soft" x="16" y="{48 + down}">{_text(headline(outcome, r))}</text>',
        f'<g transform="translate(0 {down})">',
        *_rails(lanes, height - down),
        *_arrows(blocks),
        *(line for number, block in enumerate(blocks, 1) for line in _drawn(block, number, blocks)),
        f'<text class="end" x="{_LEFT}" y="{height - down - 16}">'
        f"\u25b2 {_text(_end(outcome, r))}</text>",
        "</g>",
        "</svg>",
    ]  # fmt: skip
    return "\n".join(parts)


def _blocks(steps: Sequence[TraceStep], lanes: Sequence[str]) -> list[_Block]:
    found: list[_Block] = []
    y = _TOP
    for step in steps:
        block = _Block(step, lanes.index(column(step)), y, _lines(step.label, _LANE - 20))
        found.append(block)
        y += block.height + 6
    return found


def _lines(text: str, width: int, letter: float = _LETTER) -> list[str]:
    return textwrap.wrap(text, max(int(width / letter), 8), break_on_hyphens=False) or [""]


def _end(outcome: Outcome, r: Result) -> str:
    """Return what is reached, and where a run that never ends repeats."""
    loop = r.loop_start
    if loop is None or r.trace is None:
        return ending(outcome) or ""
    how = "the run stops" if loop == len(r.trace) else f"steps {loop + 1} to {len(r.trace)} repeat"
    return f"{ending(outcome)}: {how} for ever"


def _rails(lanes: Sequence[str], height: int) -> list[str]:
    found = []
    for number, lane in enumerate(lanes):
        x = _LEFT + number * (_LANE + _GAP) + _LANE // 2
        found.append(f'<text class="head" x="{x}" y="78">{_text(lane)}</text>')
        found.append(f'<path class="rail" d="M{x} 86V{height - 36}"/>')
    return found


def _drawn(block: _Block, number: int, blocks: Sequence[_Block]) -> list[str]:
    mechanisms = list(dict.fromkeys(b.step.mechanism for b in blocks))
    hue = _HUES[mechanisms.index(block.step.mechanism) % len(_HUES)]
    x, y, height = block.x, block.y, block.height
    found = [
        f'<text class="n" x="{_LEFT - 10}" y="{y + 18}">{number}</text>',
        f'<rect class="paper" x="{x}" y="{y}" width="{_LANE}" height="{height}" rx="5"/>',
        f'<rect class="back" x="{x}" y="{y}" width="{_LANE}" height="{height}" rx="5" '
        f'fill="hsl({hue} 70% 45%)"/>',
        f'<rect x="{x}" y="{y}" width="4" height="{height}" rx="2" fill="hsl({hue} 60% 48%)"/>',
    ]
    for at, line in enumerate(block.lines):
        found.append(f'<text x="{x + 11}" y="{y + 18 + at * _LINE}">{_text(line)}</text>')
    return found


def _arrows(blocks: Sequence[_Block]) -> list[str]:
    found = []
    for block in blocks:
        for cause in block.step.causes:
            other = blocks[cause.step]
            if other.lane == block.lane:
                continue
            right = block.lane > other.lane
            x1 = other.x + (_LANE if right else 0)
            y1 = other.y + min(other.height // 2, 16)
            x2 = block.x + (20 if right else _LANE - 20)
            y2 = block.y - 2
            kind = "arrow" if cause.needed else "arrow dashed"
            found.append(
                f'<path class="{kind}" d="M{x1} {y1}C{x2} {y1} {x2} {y1 + 4} {x2} {y2 - 10}V{y2}"/>'
            )
            found.append(f'<path class="tip" d="M{x2 - 4} {y2 - 6}h8l-4 7z"/>')
    return found


def _text(text: str) -> str:
    """Return a text for XML: one line, no markup, no character that XML cannot hold."""
    line = " ".join(text.split())
    return escape("".join(c if c.isprintable() else "\ufffd" for c in line))
