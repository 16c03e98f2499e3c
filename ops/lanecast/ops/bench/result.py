"""What a bench finds: figures in rows, and checks against what is to be held. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec


class Check(msgspec.Struct, frozen=True):
    """One figure against its limit; `sense` says on which side of the limit it must stay: `at least`, `at most`."""

    what: str
    value: float
    unit: str
    sense: str
    limit: float
    passed: bool


class Result(msgspec.Struct, frozen=True):
    """The outcome of one bench; rows are of one shape each, name -> figure; `totals` are sums of them, if there are."""

    checks: list[Check]
    rows: list[dict[str, Any]]
    totals: dict[str, float] | None = None


def at_least(what: str, value: float, limit: float, unit: str) -> Check:
    """A figure that must not fall short of its limit."""
    return Check(what, value, unit, "at least", limit, value >= limit)


def at_most(what: str, value: float, limit: float, unit: str) -> Check:
    """A figure that must not exceed its limit."""
    return Check(what, value, unit, "at most", limit, value <= limit)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed, by nearest rank.

    Raises:
        ValueError: there are no values.
    """
    if not values:
        raise ValueError("no values to take a quantile of")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def to_markdown(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows as a table in Markdown: text to the left, figures to the right."""
    columns = list(rows[0])
    lines = [
        "| " + " | ".join(name.replace("_", " ") for name in columns) + " |",
        "|" + "|".join("---" if isinstance(rows[0][name], str) else "---:" for name in columns) + "|",
    ]
    for row in rows:
        cells = (row[name] for name in columns)
        lines.append("| " + " | ".join(cell if isinstance(cell, str) else f"{cell:,}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"
