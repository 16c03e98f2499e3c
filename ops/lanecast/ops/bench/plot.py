"""Small plots as SVG: bars, and lines over a row's figure. Pure: rows in, text out.

The colours work on light and on dark pages; text is that of the page around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

WIDTH: Final = 720
LINE: Final = 26
LABEL: Final = 260
VALUE: Final = 90
COLOURS: Final = ("#2f6fde", "#d9822b", "#2a9d5c", "#b04ab0", "#7a8699")
HEIGHT: Final = 240
LEFT: Final = 64
BOTTOM: Final = 34
TOP: Final = 30
TICKS: Final = 4


def figure(value: float) -> str:
    """A figure as short as it is exact enough: 12,300, 45.2, 0.031."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def bars(title: str, values: Sequence[tuple[str, float]], unit: str, limit: float | None = None) -> str:
    """Horizontal bars, one for each name; `limit` is drawn as a line."""
    most = max([value for _, value in values] + ([limit] if limit else []), default=0) or 1.0
    room = WIDTH - LABEL - VALUE
    parts = []
    for n, (name, value) in enumerate(values):
        y = TOP + n * LINE
        length = max(1.0, room * value / most)
        parts += [
            _text(LABEL - 8, y + 14, name, "end"),
            f'<rect x="{LABEL}" y="{y + 3}" width="{length:.1f}" height="{LINE - 9}" fill="{COLOURS[0]}" rx="2"/>',
            _text(LABEL + length + 6, y + 14, f"{figure(value)} {unit}".strip()),
        ]
    height = TOP + len(values) * LINE + 8
    if limit:
        x = LABEL + room * limit / most
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{height - 6}" stroke="{COLOURS[1]}" '
            'stroke-dasharray="4 3"/>'
        )
    return _svg(title, height, parts)


def lines(title: str, xs: Sequence[float], series: Sequence[tuple[str, Sequence[float]]], unit: str) -> str:
    """One line for each series over the same places; the axis of values begins at 0."""
    most = max((value for _, values in series for value in values), default=0) or 1.0
    first, last = min(xs), max(xs)
    span = (last - first) or 1.0
    wide, high = WIDTH - LEFT - 150, HEIGHT - TOP - BOTTOM
    parts = []
    for tick in range(TICKS + 1):
        y = TOP + high - high * tick / TICKS
        parts += [
            f'<line x1="{LEFT}" x2="{LEFT + wide}" y1="{y:.1f}" y2="{y:.1f}" stroke="#8886" stroke-width="0.5"/>',
            _text(LEFT - 6, y + 4, figure(most * tick / TICKS), "end"),
        ]
    for n, (name, values) in enumerate(series):
        colour = COLOURS[n % len(COLOURS)]
        places = [
            (LEFT + wide * (x - first) / span, TOP + high - high * value / most)
            for x, value in zip(xs, values, strict=True)
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{colour}"/>' for x, y in places]
        parts += [
            f'<rect x="{LEFT + wide + 14}" y="{TOP + n * 18}" width="10" height="10" fill="{colour}"/>',
            _text(LEFT + wide + 30, TOP + 9 + n * 18, name),
        ]
    parts += [
        _text(LEFT, HEIGHT - 12, figure(first), "middle"),
        _text(LEFT + wide, HEIGHT - 12, figure(last), "middle"),
    ]
    parts.append(_text(LEFT + wide / 2, HEIGHT - 12, unit, "middle"))
    return _svg(title, HEIGHT, parts)


def _text(x: float, y: float, text: str, anchor: str = "start") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _svg(title: str, height: float, parts: Sequence[str]) -> str:
    style = "text{font:12px system-ui,sans-serif;fill:#222}@media(prefers-color-scheme:dark){text{fill:#ddd}}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0f}" '
        f'viewBox="0 0 {WIDTH} {height:.0f}" role="img"><title>{escape(title)}</title>'
        f"<style>{style}.t{{font-weight:600}}</style>"
    )
    named = f'<text class="t" x="8" y="16">{escape(title)}</text>'
    return "\n".join((head, named, *parts, "</svg>")) + "\n"
