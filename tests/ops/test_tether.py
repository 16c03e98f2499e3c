import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lanecast.ops import tether

TETHER = str(Path(tether.__file__))


def test_the_command_takes_the_place_of_the_tether() -> None:
    done = subprocess.run(
        [sys.executable, TETHER, str(os.getpid()), "sh", "-c", "echo hello; exit 3"], capture_output=True, check=False
    )
    assert (done.stdout, done.returncode) == (b"hello\n", 3)


def test_nothing_is_started_for_a_parent_that_is_gone() -> None:
    done = subprocess.run([sys.executable, TETHER, "1", "echo", "hello"], capture_output=True, check=False)
    assert (done.stdout, done.returncode) == (b"", 1)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_the_command_dies_with_its_parent_even_by_kill_9() -> None:
    start = (
        "import os, subprocess, sys, time\n"
        "command = ['sh', '-c', 'echo $$; exec sleep 60']\n"
        f"child = subprocess.Popen([sys.executable, {TETHER!r}, str(os.getpid()), *command])\n"
        "time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        os.kill(child, 0)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        deadline = time.monotonic() + 5
        while _runs(child):
            assert time.monotonic() < deadline, "the child outlives its parent"
            time.sleep(0.01)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
