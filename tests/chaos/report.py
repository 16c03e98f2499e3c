"""The report of the chaos suite: a row for each scenario in `build/bench/chaos.json`, and from it `docs/chaos.md`.

`python -m tests.chaos.report` writes the page. Rows are kept by their scenario: one that is run alone replaces its row.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from lanecast.ops.bench import machine

ROOT = Path(__file__).parents[2]
FILE = ROOT / "build" / "bench" / "chaos.json"
PAGE = ROOT / "docs" / "chaos.md"
BEGIN, END = "<!-- table: begin -->", "<!-- table: end -->"


def place(row: dict[str, Any]) -> tuple[int, str]:
    """Scenarios are in the order of their numbers."""
    number = row["scenario"]
    digits = "".join(c for c in number if c.isdigit())
    return int(digits), number


def keep(rows: list[dict[str, Any]]) -> None:
    """Put rows into the file, in the places of older ones of the same scenarios."""
    old: list[dict[str, Any]] = []
    if FILE.exists():
        old = msgspec.json.decode(FILE.read_bytes())["rows"]
    by_scenario = {row["scenario"]: row for row in (*old, *rows)}
    merged = sorted(by_scenario.values(), key=place)
    checks = [
        {
            "what": f"{row['scenario']} {row['cause']}: live again",
            "value": row["recovered_s"],
            "unit": "s",
            "sense": "at most",
            "limit": row["limit_s"],
            "passed": row["passed"],
        }
        for row in merged
    ]
    result = {
        "name": "chaos",
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
        "versions": machine.versions(),
        "quick": False,
        "checks": checks,
        "rows": merged,
    }
    FILE.parent.mkdir(parents=True, exist_ok=True)
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")


def table(result: dict[str, Any]) -> str:
    """The rows as Markdown. Pure."""
    lines = [
        f"{result['at'][:10]}, {result['machine']}; "
        + ", ".join(f"{name} {version}" for name, version in result["versions"].items() if name in ("python", "server"))
        + f". {sum(row['passed'] for row in result['rows'])} of {len(result['rows'])} passed.",
        "",
        "| | cause | lost | twice | back | live again after | in the log, in a metric | what viewers saw | |",
        "|---|---|---:|---:|---:|---:|---|---|---|",
    ]
    for row in result["rows"]:
        evidence = ", ".join(f"`{row[what]}`" for what in ("log", "metric") if row[what])
        mark = "passed" if row["passed"] else "FAILED"
        lines.append(
            f"| {row['scenario']} | {row['cause']} | {row['lost']} | {row['duplicates']} | {row['back']} | "
            f"{row['recovered_s']:.2f} s of {row['limit_s']:g} s | {evidence} | {row['saw']} | {mark} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Write the table into the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    text = table(msgspec.json.decode(FILE.read_bytes()))
    PAGE.write_text(f"{before}{BEGIN}\n{text}{END}{after}", "utf-8")


if __name__ == "__main__":
    main()
