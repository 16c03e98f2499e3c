"""The bench of the failover, with few viewers: it kills a real gateway behind a real load balancer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from lanecast.ops.bench.balancers import Haproxy, Nginx

pytestmark = pytest.mark.integration


@pytest.mark.skipif(not (Nginx.binary() or Haproxy.binary()), reason="neither nginx nor HAProxy is installed")
def test_viewers_of_a_killed_gateway_resume_at_the_other_and_miss_nothing(tmp_path: Path) -> None:
    words = ("bench", "failover", "--quick", "--viewers", "60", "--folder", str(tmp_path))
    command = [sys.executable, "-m", "lanecast.ops", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    found = msgspec.json.decode((tmp_path / "failover.json").read_bytes())
    (row,) = found["rows"]
    assert row["viewers_moved"] == 30
    promised = [check for check in found["checks"] if check["unit"] != "s"]
    assert [check["what"] for check in promised if not check["passed"]] == []
    assert len(promised) == 6
    # How long it takes is the bench's business: here others work on the same machine.
    assert done.returncode == (0 if all(check["passed"] for check in found["checks"]) else 1), done.stderr
