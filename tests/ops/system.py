"""A whole system for tests: `lanecast up` as a user starts it, its parts by name, and viewers of it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

LANECAST = (sys.executable, "-m", "lanecast.ops")
ENV = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")}
HEALS_S = 5.0


class System:
    """A running `lanecast up`."""

    def __init__(self, folder: Path, *args: str) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.state_file = folder / "state.json"
        self.log_file = folder / "up.log"
        self.args = args
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, within_s: float = 60.0) -> System:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [*LANECAST, "up", "--data", str(self.data), "--state", str(self.state_file), *self.args]
        if "--port" not in self.args:
            command += ["--port", "0"]
        if "--redis" not in self.args:
            command += ["--redis-port", str(_free_port())]
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=ENV, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.until(lambda: self.state.get("ready", False), within_s, "everything is ready")
        return self

    @property
    def state(self) -> dict[str, Any]:
        try:
            state: dict[str, Any] = json.loads(self.state_file.read_text())
        except FileNotFoundError:
            return {}
        return state

    @property
    def url(self) -> str:
        return str(self.state["url"])

    @property
    def redis_url(self) -> str:
        return str(self.state["redis_url"])

    @property
    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    def pid(self, part: str) -> int:
        return int(self.state["children"][part])

    def kill(self, part: str) -> int:
        """kill -9 of one part; returns the process id it had."""
        pid = self.pid(part)
        os.kill(pid, signal.SIGKILL)
        return pid

    def until(self, condition: Callable[[], bool], within_s: float, what: str) -> float:
        """Wait until something holds; returns how many seconds it took."""
        assert self.process is not None
        started = time.monotonic()
        while not condition():
            assert self.process.poll() is None, f"`lanecast up` ended:\n{self.log[-4000:]}"
            assert time.monotonic() - started < within_s, f"not within {within_s} s: {what}\n{self.log[-4000:]}"
            time.sleep(0.02)
        return time.monotonic() - started

    def stop(self, number: signal.Signals = signal.SIGTERM, within_s: float = 30.0) -> int:
        """End it; returns the exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def command(self, run: str, name: str, **args: Any) -> dict[str, Any]:
        """Send a command by HTTP, as a script would; returns its result."""
        body = {"name": name, "args": args}
        answer: dict[str, Any] = httpx.post(
            f"{self.url}/api/runs/{run}/commands", json=body, timeout=10, trust_env=False
        ).json()
        return answer

    def info(self, run: str) -> dict[str, Any]:
        """The run's info by HTTP."""
        info: dict[str, Any] = httpx.get(f"{self.url}/api/runs/{run}", timeout=10, trust_env=False).json()
        return info


class Watcher:
    """`lanecast watch RUN --json`, whose lines are kept as they come."""

    def __init__(self, url: str, run: str, *args: str) -> None:
        self.frames: list[dict[str, Any]] = []
        self.at_s: list[float] = []
        self._process = subprocess.Popen(
            [*LANECAST, "watch", run, "--url", url, "--json", *args],
            env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.at_s.append(time.monotonic())
            self.frames.append(json.loads(line))

    def until(self, condition: Callable[[], bool], within_s: float = HEALS_S) -> float:
        started = time.monotonic()
        while not condition():
            assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
            assert time.monotonic() - started < within_s, f"{len(self.frames)} frames, not within {within_s} s"
            time.sleep(0.01)
        return time.monotonic() - started

    def more(self, count: int, within_s: float = HEALS_S) -> float:
        """Wait for `count` frames more than there are now."""
        wanted = len(self.frames) + count
        return self.until(lambda: len(self.frames) >= wanted, within_s)

    @property
    def last(self) -> dict[str, Any]:
        return self.frames[-1]

    def close(self) -> str:
        """End it; returns what it wrote on standard error."""
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10)
        finally:
            self._process.kill()
        self._reader.join(5)
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        said = self._process.stderr.read().decode()
        self._process.stdout.close()
        self._process.stderr.close()
        return said


@contextlib.contextmanager
def system(folder: Path, *args: str) -> Iterator[System]:
    """A system that is ended at the end, whatever happens."""
    it = System(folder, *args)
    try:
        yield it.start()
    finally:
        if it.process is not None:
            it.stop()


@contextlib.contextmanager
def watching(url: str, run: str, *args: str) -> Iterator[Watcher]:
    """A viewer that is ended at the end, whatever happens."""
    watcher = Watcher(url, run, *args)
    try:
        yield watcher
    finally:
        watcher.close()


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def listens(url: str) -> bool:
    """Whether anybody takes connections there."""
    parts = httpx.URL(url)
    try:
        socket.create_connection((parts.host, parts.port or 80), 1).close()
    except OSError:
        return False
    return True


def times_never_step_back(frames: list[dict[str, Any]]) -> bool:
    """Simulation time rises from frame to frame, or stands."""
    times = [frame["time_s"] for frame in frames]
    return times == sorted(times)


def _free_port() -> int:
    from lanecast.ops.ports import free_port

    return free_port()
