"""Every bench there is, one after another, each in a process of its own, and what came of it in one file."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from lanecast.ops import console
from lanecast.ops.bench import BENCHES
from lanecast.ops.bench.result import Check, Result

NAME = "all"


def measure(quick: bool, only: str | None = None, folder: Path = Path("build/bench")) -> Result:
    """A row for each bench, and all their checks.

    Args:
        quick: each ends within a minute.
        only: names separated by commas; None: all.
        folder: where each writes its own result.
    """
    chosen = [name for name in BENCHES if name != NAME and (only is None or name in only.split(","))]
    rows: list[dict[str, Any]] = []
    checks: list[Check] = []
    for name in chosen:
        console.err.print(f"bench {name} …", style="dim")
        row, found = run(name, quick, folder)
        rows.append(row)
        checks += found
    return Result(checks, rows, totals(rows))


def run(name: str, quick: bool, folder: Path) -> tuple[dict[str, Any], list[Check]]:
    """One bench; its row, and its checks under its name. One that writes no result has failed one: to end well."""
    command = [sys.executable, "-m", "lanecast.ops", "bench", name, "--folder", str(folder)]
    began, began_s = time.time(), time.monotonic()
    done = subprocess.run(  # noqa: S603
        [*command, *(["--quick"] if quick else [])], capture_output=True, text=True, check=False, env=os.environ
    )
    path = folder / f"{name}.json"
    checks: list[Check] = []
    if path.exists() and path.stat().st_mtime >= began:
        written = msgspec.json.decode(path.read_bytes())
        checks = [
            msgspec.structs.replace(check, what=f"{name}: {check.what}")
            for check in msgspec.convert(written["checks"], list[Check])
        ]
    if not checks:
        checks = [Check(f"{name}: ends with a result", 0, "", "at least", 1, passed=False)]
    missed = [check.what for check in checks if not check.passed]
    said = done.stderr.strip().splitlines()
    return {
        "bench": name,
        "passed": "yes" if not missed else "no",
        "checks": len(checks),
        "missed": len(missed),
        "seconds": round(time.monotonic() - began_s, 1),
        "why": "; ".join(missed) if path.exists() else (said[-1] if said else ""),
    }, checks


def totals(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Sums over all benches. Pure."""
    return {
        "benches": len(rows),
        "passed": sum(row["passed"] == "yes" for row in rows),
        "checks": sum(row["checks"] for row in rows),
        "missed": sum(row["missed"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows), 1),
    }
