"""All metrics there are, by the process that tells them: docs/metrics.md, alerts and dashboards are checked against it.

`python -m lanecast.ops.families` prints the tables of docs/metrics.md.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Final

from lanecast.broker import vitals
from lanecast.broker.exposition import Family
from lanecast.gateway import stats
from lanecast.workers import gauges
from lanecast.workers.jobs import figures

FAMILIES: Final[Mapping[str, tuple[Family, ...]]] = {
    "Every process": vitals.FAMILIES,
    "Gateway": stats.FAMILIES,
    "Worker": gauges.FAMILIES,
    "Jobs": figures.FAMILIES,
}


def series() -> dict[str, frozenset[str]]:
    """The names that can be asked for in Prometheus, with their labels."""
    found: dict[str, frozenset[str]] = {}
    for family in (family for families in FAMILIES.values() for family in families):
        labels = frozenset(family.labels)
        if family.kind == "histogram":
            found[f"{family.name}_bucket"] = labels | {"le"}
            found |= {f"{family.name}_{end}": labels for end in ("sum", "count")}
        else:
            found[family.name] = labels
    return found


def tables() -> str:
    """As Markdown."""
    parts: list[str] = []
    for process, families in FAMILIES.items():
        rows = [f"| `{one.name}` | {one.kind} | {_words(one.labels)} | {one.text} |" for one in families]
        head = ["| metric | kind | labels | what |", "|---|---|---|---|"]
        parts.append("\n".join((f"### {process}", "", *head, *rows)))
    return "\n\n".join(parts) + "\n"


def _words(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)


if __name__ == "__main__":
    sys.stdout.write(tables())
