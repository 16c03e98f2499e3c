"""What `bench fanout` measures with: the C programs next to it, the load client, CPU time and memory of a process.

The sources in `ops/bench` are not part of the wheel: this bench runs from a checkout, with a C compiler.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from lanecast.ops.bench.machine import child
from lanecast.ops.problem import Problem

SOURCES: Final = Path(__file__).parents[3] / "bench"
PEERS: Final = SOURCES / "peers"
BUILT: Final = Path("build/bench-peers")
MARK: Final = b"LCBENCH!"
"""Begins what the load client looks for; eight bytes with the time follow."""
_PIN: Final = "import os,sys; os.sched_setaffinity(0, {int(sys.argv[1])}); os.execvp(sys.argv[2], sys.argv[2:])"


def build(source: Path) -> Path:
    """Compile a C program, unless that was done since it was last changed.

    Raises:
        Problem: there are no sources, no compiler, or it does not compile.
    """
    target = (BUILT / source.stem).absolute()
    if not source.exists():
        raise Problem(f"{source} is not there", "This bench runs from a checkout of the repository.")
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return target
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise Problem("no C compiler is at hand, and the load client is written in C", "Install gcc or clang.")
    target.parent.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-O2", "-std=c11", "-o", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise Problem(f"{source} does not compile", done.stderr.strip().splitlines()[0] if done.stderr else "")
    return target


def share_the_cores() -> int | None:
    """Put this process, and what it starts from now on, on all cores but the first, which is for the servers.

    Returns:
        The servers' core; None where there is but one.
    """
    raise_limits()
    first, *others = sorted(os.sched_getaffinity(0))
    if not others:
        return None
    os.sched_setaffinity(0, {others[0]})
    return first


def raise_limits() -> int:
    """Allow this process, and what it starts from now on, as many open files as it may have; how many that is."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@contextlib.contextmanager
def on_core(core: int | None, *command: str) -> Iterator[int]:
    """A process on one core; gives its id."""
    pinned = command if core is None else (sys.executable, "-c", _PIN, str(core), *command)
    with child(*pinned) as process:
        yield process.pid


def cpu_s(pid: int) -> float:
    """CPU time of a process so far, of all its threads, in seconds: by the scheduler, to the nanosecond."""
    total = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            total += int((thread / "schedstat").read_text().split()[0])
    return total / 1e9


def rss_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class LoadClient:
    """The load client's connections to one server.

    Raises:
        Problem: the server has refused some of them.
    """

    def __init__(self, binary: Path, port: int, path: str, connections: int, talk: Sequence[str] = ()) -> None:
        command = [str(binary), str(port), path, str(connections), *talk]
        self._process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        if self._answer() != "ready":
            _, said = self._process.communicate()
            raise Problem(f"the load client could not open {connections} connections", said.strip())

    def reset(self) -> None:
        """Forget what was counted."""
        self._say("reset")
        self.report()

    def report(self) -> dict[str, Any]:
        """What was counted: open, closed, deliveries, bytes, p50_ms, p99_ms, max_ms, state_ms."""
        self._say("report")
        counted: dict[str, Any] = json.loads(self._answer())
        return counted

    def stop_reading(self) -> None:
        """Leave what comes where it is."""
        self._say("stop")
        self.report()

    def read_again(self) -> None:
        """Take what comes, and what has come since."""
        self._say("go")

    def close(self) -> None:
        """Cut all connections."""
        self._process.kill()
        self._process.communicate()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened with a pipe
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None  # noqa: S101 - it was opened with a pipe
        return self._process.stdout.readline().strip()
