"""The page of the benches: made of results alone, and plots that are SVG."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import msgspec
import pytest

from lanecast.ops.bench import plot
from lanecast.ops.bench.page import write
from lanecast.ops.problem import Problem


def result(name: str, rows: list[dict[str, Any]], *, passed: bool = True) -> bytes:
    check = {"what": "it holds", "value": 1234.5, "unit": "ms", "sense": "at most", "limit": 2000, "passed": passed}
    whole = {
        "name": name, "at": "2026-01-02T03:04:05+00:00", "machine": "a machine", "versions": {"python": "3"},
        "quick": False, "checks": [check], "passed": passed, "rows": rows,
    }  # fmt: skip
    return msgspec.json.encode(whole)


def test_the_page_tells_of_every_result_with_its_machine_and_whether_limits_were_kept(tmp_path: Path) -> None:
    hops = [{"hop": "a → b", "p99_ms": 1.5}, {"hop": "b → c & d", "p99_ms": 20.25}]
    (tmp_path / "latency.json").write_bytes(result("latency", hops))
    (tmp_path / "custom.json").write_bytes(result("custom", [{"n": 1}], passed=False))
    page = write(tmp_path, tmp_path / "docs").read_text("utf-8")
    assert page.index("## latency") < page.index("## custom")
    assert "2026-01-02, a machine; python 3." in page
    assert "- it holds: 1,234 ms, at most 2,000: kept" in page
    assert "**missed**" in page
    assert "| b → c & d | 20.25 |" in page
    drawn = tmp_path / "docs" / "images" / "bench" / "latency.svg"
    assert "![latency](images/bench/latency.svg)" in page
    assert ET.fromstring(drawn.read_text("utf-8")).tag.endswith("svg")  # noqa: S314 - written a moment ago


def test_without_results_the_page_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="no results"):
        write(tmp_path, tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


def test_lines_begin_at_zero_and_reach_their_greatest_value() -> None:
    drawn = ET.fromstring(plot.lines("t", [1, 2, 4], [("a", [5.0, 10.0, 0.0])], "x"))  # noqa: S314
    heights = [float(dot.attrib["cy"]) for dot in drawn.iter() if dot.tag.endswith("circle")]
    assert heights[1] == pytest.approx(plot.TOP)
    assert heights[2] == pytest.approx(plot.HEIGHT - plot.BOTTOM)
    assert heights[0] == pytest.approx((heights[1] + heights[2]) / 2)


def test_a_figure_is_as_short_as_it_is_exact_enough() -> None:
    assert [plot.figure(value) for value in (12_345.6, 3, 45.21, 0.0312)] == ["12,346", "3", "45.2", "0.0312"]
