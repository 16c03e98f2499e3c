"""The benches of the whole way: their arithmetic, and one of them with real processes but few viewers."""

from __future__ import annotations

import math
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lanecast.ops.bench import all as everything
from lanecast.ops.bench.latency import row
from lanecast.ops.bench.probe import Seen
from lanecast.ops.bench.stamping import FIRST_PHASE_S, MARK, columns, sizes, stamp
from lanecast.ops.bench.sustained import ALLOWED_BYTES, growth

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def test_a_stamp_is_text_of_sixteen_bytes_that_holds_the_time() -> None:
    now_ns = 123_456_789_012_345
    data = stamp(now_ns).encode()
    assert (len(data), data[:8]) == (16, MARK.encode())
    assert sum(byte << 7 * place for place, byte in enumerate(data[8:])) == now_ns


def test_vehicles_have_the_columns_that_are_drawn_and_move() -> None:
    one, two = columns(10, 1), columns(10, 2)
    assert set(one) == {"id", "x", "y", "angle", "speed"}
    assert {len(values) for values in one.values()} == {10}
    assert (one["x"] != two["x"]).any()


def test_phases_come_after_the_first_and_end_where_they_began() -> None:
    assert list(sizes(5, [(500, 10.0)])) == [(5, FIRST_PHASE_S), (500, FIRST_PHASE_S + 10.0), (5, math.inf)]


def test_memory_that_an_allocator_keeps_is_no_growth() -> None:
    mb = 2**20
    assert growth(100 * mb, 100 * mb + ALLOWED_BYTES) == 0
    assert growth(100 * mb, 110 * mb + ALLOWED_BYTES) == pytest.approx(0.1)
    assert growth(100 * mb, 90 * mb) == 0


def test_a_hop_is_measured_between_its_two_times() -> None:
    frames = [Seen(130.0 + n, {"pub_ms": 100.0, "in_ms": 101.0, "out_ms": 120.0}, "ultra", {}) for n in range(3)]
    assert row("given out → received", frames, "out_ms", "at_ms")["max_ms"] == 12.0
    assert frames[0].age_ms == 30.0


def test_totals_are_sums_over_all_benches() -> None:
    rows = [
        {"passed": "yes", "checks": 3, "missed": 0, "seconds": 1.5},
        {"passed": "no", "checks": 2, "missed": 1, "seconds": 2.0},
    ]
    assert everything.totals(rows) == {"benches": 2, "passed": 1, "checks": 5, "missed": 1, "seconds": 3.5}


def test_a_bench_that_cannot_run_is_one_that_missed_its_limits(tmp_path: Path) -> None:
    found, checks = everything.run("no-such-bench", quick=True, folder=tmp_path)
    assert (found["passed"], [check.passed for check in checks]) == ("no", [False])
    assert "no-such-bench" in found["why"] or "Known" in found["why"]


@needs_compiler
@pytest.mark.integration
def test_frames_of_a_real_simulation_reach_every_viewer_with_their_times(tmp_path: Path) -> None:
    words = ("sustained", "--quick", "--viewers", "10", "--seconds", "5", "--rate", "10", "--folder", str(tmp_path))
    command = [sys.executable, "-m", "lanecast.ops", "bench", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=115, check=False)
    found = msgspec.json.decode((tmp_path / "sustained.json").read_bytes())
    assert [row["viewers"] for row in found["rows"]] == [10] * 5, done.stderr
    assert all(row["deliveries_per_s"] > 0 and 0 < row["p50_ms"] < 60_000 for row in found["rows"])
    assert done.returncode == (0 if found["passed"] else 1)
