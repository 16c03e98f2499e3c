"""docs/tuning.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from lanecast.broker.tiers import TIERS
from lanecast.gateway import GatewaySettings
from lanecast.workers.quality import PRESETS
from lanecast.workers.settings import WorkerSettings


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_the_rates_and_limits_of_the_page_are_those_of_the_presets(root: Path) -> None:
    page = (root / "docs/tuning.md").read_text("utf-8")
    order = ["ultra", "high", "medium", "low", "ultra_low"]
    for name, preset in PRESETS.items():
        for level in range(1, len(preset.levels) + 1):
            (row,) = re.findall(rf"^\| {name} {level} \|.*$", page, re.MULTILINE)
            fps = preset.fps(level)
            assert [float(cell) for cell in cells(row)[1:]] == [fps[tier] for tier in order]
        assert f"| {name} {len(preset.levels) + 1} |" not in page
    (row,) = re.findall(r"^\| 0 \|.*$", page, re.MULTILINE)
    assert [float(cell) for cell in cells(row)[1:]] == [TIERS[tier].fps for tier in order]
    column = {row[0]: row[1:] for row in map(cells, re.findall(r"^\|.*\|$", page, re.MULTILINE)) if len(row) == 3}
    for n, preset in enumerate(PRESETS.values()):
        for lane, limit in preset.lag.items():
            assert column[f"lane `{lane}` not read"][n] == f"{limit.entries:,} entries or {limit.age_s:g} s"
        assert column["the run's share of a core"][n] == f"{preset.run_cpu:.0%}".replace("%", " %")
        assert column["the worker's share of a core"][n] == f"{preset.process_cpu:.0%}".replace("%", " %")
        assert column["the worker's memory, of its limit"][n] == f"{preset.memory:.0%}".replace("%", " %")
        assert column["failures of the worker"][n] == f"{preset.errors_hz:g} a second"
        assert column["one round of processing and rendering"][n] == f"{preset.render_ms:g} ms"
        assert column["hold time"][n] == f"{preset.hold_s:g} s"


def test_the_settings_of_the_page_are_settings(root: Path) -> None:
    page = (root / "docs/tuning.md").read_text("utf-8").partition("## Settings of workers")[2]
    named = {name.lower() for name in re.findall(r"`LANECAST_(\w+)`", page)}
    assert named
    assert named <= WorkerSettings.model_fields.keys()


def test_what_the_page_advises_for_gateways_is_a_setting_and_differs_from_its_default(root: Path) -> None:
    page = (root / "docs/tuning.md").read_text("utf-8")
    section = page.partition("## Viewers of a gateway")[2].partition("\n## ")[0]
    advised = re.findall(r"^\| [^|]+ \| ([^|]+) \| ([^|]+) \|", section, re.MULTILINE)[1:]
    assert len(advised) > 5
    for words, defaults in advised:
        named = re.findall(r"`LANECAST_(\w+)(?:=(\w+))?`", words)
        instead = re.findall(r"\w+", defaults)
        for (name, value), default in zip(named, instead, strict=True):
            field = GatewaySettings.model_fields[name.lower()]
            assert str(field.default).removesuffix(".0") == default, name
            assert value != default
