"""`docs/benchmarks.md`, with its plots, from the results that benches have written. No figure is typed by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from lanecast.ops.bench import BENCHES, plot
from lanecast.ops.bench.result import to_markdown
from lanecast.ops.problem import Problem

DOCS: Final = Path("docs")
IMAGES: Final = Path("images/bench")
ORDER: Final = (
    "fanout", "latency", "sustained", "throughput", "capacity", "scaling", "adaptive", "throttle", "publish", "append",
    "lanes", "worker", "bytes", "images", "fuzz",
)  # fmt: skip
LEFT_OUT: Final = {"all", "chaos"}
"""Chaos has a page of its own, and `all` says nothing that is not here."""
LINES: Final[dict[str, tuple[str, tuple[str, ...], str]]] = {
    "sustained": ("part", ("p50_ms", "p99_ms"), "part of the time; milliseconds"),
    "throughput": ("viewers", ("deliveries_per_s",), "viewers; deliveries a second"),
    "capacity": ("viewers", ("p50_ms", "p99_ms"), "viewers; milliseconds"),
    "scaling": ("gateways", ("cpu_us_per_delivery",), "gateways; µs of CPU for a delivery"),
    "worker": ("entities", ("updates_per_core_s",), "entities; updates a second and core"),
}
"""Bench -> what is plotted over what, and the words under it."""
BARS: Final[dict[str, tuple[str, str, str]]] = {
    "fanout": ("server", "deliveries_per_cpu_s", "/s"),
    "latency": ("hop", "p99_ms", "ms"),
    "adaptive": ("phase", "age_p99_ms", "ms"),
}
"""Bench -> what has a bar, how long it is, its unit."""
HEAD: Final = """# Benchmarks

What `lanecast bench` has measured, with the machine and the versions behind it. `lanecast bench all` measures all of it
anew, `lanecast bench page` writes this page from the results; nothing in it is typed by hand. Absolute figures are of
one machine, and of what else it did at the time; ratios between servers measured side by side, and limits kept with
room to spare, carry over.

"""


def write(folder: Path, docs: Path = DOCS) -> Path:
    """Write the page and its plots; returns the page's path.

    Args:
        folder: with `NAME.json` of the benches.
        docs: where the page goes.

    Raises:
        Problem: nothing was measured yet.
    """
    results = [
        read(folder / f"{name}.json") for name in (*ORDER, *others(folder)) if (folder / f"{name}.json").exists()
    ]
    if not results:
        raise Problem(f"there are no results in {folder}", "Run `lanecast bench all --quick` first.")
    images = docs / IMAGES
    images.mkdir(parents=True, exist_ok=True)
    sections = []
    for result in results:
        drawn = draw(result)
        if drawn is not None:
            (images / f"{result['name']}.svg").write_text(drawn, "utf-8")
        sections.append(section(result, plotted=drawn is not None))
    page = docs / "benchmarks.md"
    page.write_text(HEAD + summary(results) + "\n" + "\n".join(sections), "utf-8")
    return page


def others(folder: Path) -> list[str]:
    """Results of benches that have no place in the order."""
    return sorted(path.stem for path in folder.glob("*.json") if path.stem not in {*ORDER, *LEFT_OUT})


def read(path: Path) -> dict[str, Any]:
    """A result as it was written."""
    result: dict[str, Any] = msgspec.json.decode(path.read_bytes())
    return result


def summary(results: Sequence[Mapping[str, Any]]) -> str:
    """A table of all benches: what was kept. Pure."""
    rows = [
        {
            "bench": f"[{result['name']}](#{result['name']})",
            "what": BENCHES.get(result["name"], ""),
            "limits": f"{sum(check['passed'] for check in result['checks'])} of {len(result['checks'])} kept",
        }
        for result in results
    ]
    return to_markdown(rows)


def section(result: Mapping[str, Any], *, plotted: bool) -> str:
    """What one bench found. Pure."""
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    quick = " (quick)" if result["quick"] else ""
    lines = [
        f"## {result['name']}",
        "",
        f"{result['at'][:10]}{quick}, {result['machine']}; {versions}.",
        "",
        *([f"![{result['name']}]({IMAGES}/{result['name']}.svg)", ""] if plotted else []),
    ]
    for check in result["checks"]:
        word = "kept" if check["passed"] else "**missed**"
        unit = f" {check['unit']}" if check["unit"] else ""
        found, limit = plot.figure(check["value"]), plot.figure(check["limit"])
        lines.append(f"- {check['what']}: {found}{unit}, {check['sense']} {limit}: {word}")
    return "\n".join(lines) + "\n\n" + to_markdown(result["rows"])


def draw(result: Mapping[str, Any]) -> str | None:
    """The plot of one bench as SVG; None if it has none. Pure."""
    name, rows = result["name"], result["rows"]
    if name in LINES and len(rows) > 1:
        over, what, unit = LINES[name]
        series = [(each.replace("_", " "), [row[each] for row in rows]) for each in what]
        return plot.lines(BENCHES[name], [row[over] for row in rows], series, unit)
    if name in BARS and rows:
        label, value, unit = BARS[name]
        return plot.bars(BENCHES[name], [(row[label], row[value]) for row in rows], unit)
    return None
