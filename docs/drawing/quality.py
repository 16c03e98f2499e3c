"""Draws docs/images/quality.svg: what the quality policy does on the traces of its tests.

.venv/bin/python docs/drawing/quality.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lanecast.workers.quality import HIGH_CAPACITY, HIGH_PERFORMANCE, Measure, Preset, State, step, strain

ROOT = Path(__file__).parents[2]
TRACES = (("sudden_overload", "Sudden overload"), ("slow_leak", "Slow leak"), ("flapping", "Flapping"))
WIDTH, LEFT, PLOT, TOP, ROW, TALL = 860, 150, 680, 64, 150, 84
COLOURS = {"high-performance": "#2563eb", "high-capacity": "#d97706"}
DEEPEST = 5
CUT = 2.5
"""Times a limit up to which strain is drawn."""


def main() -> None:
    """Write the picture."""
    parts = [text(LEFT, 22, "Quality on three traces", size=16, weight="600")]
    for n, (name, colour) in enumerate(COLOURS.items()):
        x = LEFT + n * 190
        parts += [line([(x, 42), (x + 24, 42)], colour, 2.5), text(x + 30, 46, f"level, {name}")]
    parts += [
        area([(LEFT + 390, 47), (LEFT + 414, 47)], 36),
        text(LEFT + 420, 46, "strain; dashed: the limit of high-performance"),
    ]
    for row, (name, title) in enumerate(TRACES):
        samples = json.loads((ROOT / f"tests/workers/traces/{name}.json").read_text("utf-8"))["samples"]
        parts += panel(TOP + row * ROW, title, samples)
    height = TOP + len(TRACES) * ROW
    style = "text{font-family:system-ui,sans-serif;fill:#334155}"
    body = "\n".join(parts)
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        f'aria-label="Levels of quality over time for a sudden overload, a slow leak and a load that flaps">'
        f'<style>{style}</style><rect width="100%" height="100%" fill="#ffffff"/>\n{body}\n</svg>\n'
    )
    (ROOT / "docs/images/quality.svg").write_text(svg, "utf-8")


def panel(top: float, title: str, samples: list[dict[str, Any]]) -> list[str]:
    """One trace: strain as an area, the levels of both presets as steps."""
    longest = samples[-1]["t_s"] + 1
    low = top + 14 + TALL

    def x(t_s: float) -> float:
        return float(LEFT + PLOT * t_s / longest)

    def y(level: float) -> float:
        return low - TALL * level / DEEPEST

    strains = [min(CUT, strain(measure(row), HIGH_PERFORMANCE)[0]) for row in samples]
    parts = [text(8, top + 30, title, weight="600")]
    parts += [text(LEFT - 12, y(level) + 4, f"{level}", anchor="end") for level in range(DEEPEST + 1)]
    parts.append(text(8, top + 48, "level"))
    parts.append(
        area([(x(row["t_s"]), y(share * DEEPEST / CUT)) for row, share in zip(samples, strains, strict=True)], low)
    )
    parts.append(line([(LEFT, y(DEEPEST / CUT)), (LEFT + PLOT, y(DEEPEST / CUT))], "#94a3b8", 1, dash="4 4"))
    parts.append(line([(LEFT, low), (LEFT + PLOT, low)], "#cbd5e1", 1))
    every = 30 if longest <= 200 else 60
    parts += [text(x(t), low + 17, f"{t} s", anchor="middle") for t in range(0, int(longest) + 1, every)]
    for preset in (HIGH_PERFORMANCE, HIGH_CAPACITY):
        parts.append(line(steps(samples, preset, x, y), COLOURS[preset.name], 2.5))
    return parts


def steps(samples: list[dict[str, Any]], preset: Preset, x: Any, y: Any) -> list[tuple[float, float]]:
    """The levels of a preset as a line of steps."""
    state, points = State(), []
    for row in samples:
        points.append((x(row["t_s"]), y(state.level)))
        state = step(state, measure(row), row["t_s"], preset)
        points.append((x(row["t_s"]), y(state.level)))
    return points


def measure(row: dict[str, Any]) -> Measure:
    """A sample of a trace as the policy gets it."""
    return Measure(
        {"high": (row["high"][0], row["high"][1])}, row["run_cpu"], row["process_cpu"], row["runs"], row["memory"],
        row["errors_hz"], row["render_ms"],
    )  # fmt: skip


def line(points: list[tuple[float, float]], colour: str, width: float, dash: str = "") -> str:
    """A polyline; points that say nothing new are left out."""
    kept = [
        point
        for n, point in enumerate(points)
        if n in {0, len(points) - 1} or not points[n - 1][1] == point[1] == points[n + 1][1]
    ]
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in kept)
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<polyline points="{where}" fill="none" stroke="{colour}" stroke-width="{width}"{dashed}/>'


def area(points: list[tuple[float, float]], base: float) -> str:
    """What is under a line."""
    where = " ".join(f"{x:.1f},{y:.1f}" for x, y in [(points[0][0], base), *points, (points[-1][0], base)])
    return f'<polygon points="{where}" fill="#e2e8f0"/>'


def text(x: float, y: float, words: str, size: int = 12, weight: str = "400", anchor: str = "start") -> str:
    """Words."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" font-weight="{weight}" text-anchor="{anchor}">{words}</text>'
    )


if __name__ == "__main__":
    main()
