"""Benches: limits are kept or missed, what is written says which, and so does the exit status."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lanecast.ops.bench import BENCHES
from lanecast.ops.bench.result import at_least, at_most, quantile


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lanecast.ops", "bench", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_check_passes_up_to_its_limit_and_not_past_it() -> None:
    assert [at_least("x", value, 10, "u").passed for value in (9.9, 10, 11)] == [False, True, True]
    assert [at_most("x", value, 10, "u").passed for value in (9.9, 10, 11)] == [True, True, False]


def test_a_quantile_is_a_value_that_was_measured() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert (quantile(values, 0.0), quantile(values, 0.5), quantile(values, 0.99)) == (1.0, 51.0, 100.0)
    assert quantile([3.0], 0.99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        quantile([], 0.5)


@pytest.mark.integration
def test_a_bench_writes_what_it_found_and_ends_by_whether_it_holds(tmp_path: Path) -> None:
    done = bench("publish", "--quick", "--folder", str(tmp_path))
    found = msgspec.json.decode((tmp_path / "publish.json").read_bytes())
    assert set(found) == {"name", "at", "machine", "versions", "quick", "checks", "passed", "rows"}
    assert [row["entities"] for row in found["rows"]] == [100, 1_000, 10_000]
    assert all(set(check) == {"what", "value", "unit", "sense", "limit", "passed"} for check in found["checks"])
    assert done.returncode == (0 if all(check["passed"] for check in found["checks"]) else 1), done.stderr
    assert "p50" in done.stdout


def test_an_unknown_bench_is_refused_with_those_there_are() -> None:
    done = bench("nothing")
    assert done.returncode == 1
    assert all(name in done.stderr for name in BENCHES)
