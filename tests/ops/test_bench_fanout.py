"""The bench of the fan-out: its arithmetic, its load client and its limit, with real connections but few."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lanecast.ops.bench.fanout import Round, paired
from lanecast.ops.bench.fanout_sources import stamped
from lanecast.ops.bench.fanout_tools import MARK
from lanecast.ops.bench.result import to_markdown

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def rounds(*cpu_us: float) -> list[Round]:
    return [Round(10, 1_000, us / 1e3, 1.0, 2.0) for us in cpu_us]


def test_rounds_are_compared_in_pairs_so_that_a_machine_that_slows_down_is_no_loss() -> None:
    assert paired(rounds(5, 50, 500), rounds(5, 50, 500)) == 1.0
    assert paired(rounds(6, 60, 900), rounds(5, 50, 500)) == pytest.approx(1.2)
    assert Round(1, 0, 1.0, 0.0, 0.0).cpu_us == 1e6, "who delivers nothing is not free"


def test_a_stamped_frame_begins_with_the_mark_and_has_its_size() -> None:
    assert len(stamped(1024)) == 1024
    assert stamped(64).startswith(MARK)


def test_the_table_has_text_to_the_left_and_figures_to_the_right() -> None:
    table = to_markdown([{"server": "a", "p50_ms": 1.5, "n": 1_000}, {"server": "b", "p50_ms": 2.0, "n": 2}])
    assert table.splitlines() == [
        "| server | p50 ms | n |",
        "|---|---:|---:|",
        "| a | 1.5 | 1,000 |",
        "| b | 2.0 | 2 |",
    ]


@needs_compiler
@pytest.mark.integration
def test_every_frame_reaches_every_viewer_of_the_limit_and_of_both_writers(tmp_path: Path) -> None:
    words = ("--quick", "--viewers", "20", "--seconds", "0.3", "--size", "2000", "--peers", "")
    command = [sys.executable, "-m", "lanecast.ops", "bench", "fanout", *words, "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    found = msgspec.json.decode((tmp_path / "fanout.json").read_bytes())
    assert [row["delivered"] for row in found["rows"]] == [1.0] * len(found["rows"]), done.stderr
    names = [row["server"] for row in found["rows"]]
    assert names[0].startswith("C epoll")
    assert "lanecast, python writer" in names
    assert len((tmp_path / "fanout.md").read_text().splitlines()) == 2 + len(names)
    assert done.returncode == (0 if all(check["passed"] for check in found["checks"]) else 1)


def test_options_that_a_bench_does_not_know_are_refused() -> None:
    command = [sys.executable, "-m", "lanecast.ops", "bench", "publish", "--viewers", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, "takes no --viewers" in done.stderr) == (1, True)
