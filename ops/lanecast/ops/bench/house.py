"""What benches of several gateways stand on: gateway processes that can be killed, and a run that goes on by itself."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Self

import redis

from lanecast.ops import ports, tether
from lanecast.ops.bench.crowd import PREFIX
from lanecast.ops.bench.fanout_sources import RunSource
from lanecast.ops.problem import Problem

START_S: Final = 40.0
STOP_S: Final = 5.0


class Gateway:
    """A gateway process on a port of its own; it can be killed and started again there.

    Args:
        redis_url: the server that it reads.
        settings: `MAX_VIEWERS=100` is LANECAST_MAX_VIEWERS.
    """

    def __init__(self, redis_url: str, **settings: Any) -> None:
        self.port = ports.free_port()
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")},
            "LANECAST_REDIS_URL": redis_url,
            "LANECAST_PORT": str(self.port),
            "LANECAST_LOG_LEVEL": "error",
            "LANECAST_MAX_VIEWERS": "100000",
            **{f"LANECAST_{name}": str(value) for name, value in settings.items()},
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """Of the process that runs now; 0: none."""
        return 0 if self._process is None else self._process.pid

    def launch(self) -> None:
        """Start it; `ready` waits until it serves."""
        tied = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid())]
        command = [*tied, sys.executable, "-m", "lanecast.gateway"]
        self._process = subprocess.Popen(  # noqa: S603
            command, env=self._environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def ready(self) -> None:
        """Wait until Redis answers it.

        Raises:
            Problem: it has ended, or is not ready in time.
        """
        deadline = time.monotonic() + START_S
        while not self._answers():
            if time.monotonic() > deadline or (self._process is not None and self._process.poll() is not None):
                raise Problem("a gateway does not start")
            time.sleep(0.05)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def drain(self) -> None:
        """SIGTERM, and wait for its end."""
        self._end(signal.SIGTERM)

    def node(self) -> str:
        """What it calls itself in `welcome`."""
        import json

        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
            found: str = json.load(answer)["node"]
        return found

    def metrics(self) -> dict[str, float]:
        """Samples of /metrics of the shape `name{labels}` -> value, `node` left out of the labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        samples = (line.rsplit(" ", 1) for line in lines if line and not line.startswith("#"))
        return {_without_node(name): float(value) for name, value in samples}

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=1):
            return True
        return False

    def _end(self, number: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _without_node(name: str) -> str:
    head, _, labels = name.partition("{")
    kept = [label for label in labels.rstrip("}").split(",") if label and not label.startswith("node=")]
    return head + ("{" + ",".join(kept) + "}" if kept else "")


@contextlib.contextmanager
def gateways(redis_url: str, count: int, **settings: Any) -> Iterator[list[Gateway]]:
    """So many gateways, ready to serve; gone with the block."""
    all_ = [Gateway(redis_url, **settings) for _ in range(count)]
    try:
        for one in all_:
            one.launch()
        for one in all_:
            one.ready()
        yield all_
    finally:
        for one in all_:
            one.kill()


class Caster:
    """A run that goes on in a thread: frames, and statuses with numbers that rise by one.

    Args:
        url: the server.
        run: its id.
        frames_hz, statuses_hz: how often; a frame and a status are a commit each.
        size: of a frame, in bytes.
    """

    def __init__(
        self, url: str, run: str, frames_hz: float = 10.0, statuses_hz: float = 20.0, size: int = 1024
    ) -> None:
        self.said = 0
        self.failure: str | None = None
        self._source = RunSource(url, run, size)
        self._frame_s, self._status_s = 1 / frames_hz, 1 / statuses_hz
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._go_on, daemon=True, name="caster")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """Say no more; the number of the last status.

        Raises:
            Problem: it had ended by itself.
        """
        self._ending.set()
        self._thread.join()
        if self.failure is not None:
            raise Problem(f"the run's source has failed: {self.failure}")
        return self.said

    def _go_on(self) -> None:
        frame_at = status_at = time.monotonic()
        try:
            while not self._ending.wait(max(0.0, min(frame_at, status_at) - time.monotonic())):
                now = time.monotonic()
                if now >= frame_at:
                    self._source.send()
                    frame_at += self._frame_s
                if now >= status_at:
                    self._source.say(f"{PREFIX}{self.said + 1}")
                    self.said += 1
                    status_at += self._status_s
        except (redis.RedisError, OSError) as error:
            self.failure = f"{type(error).__name__}: {error}"


def free_files(wanted: int) -> int:
    """Raise the limit of open files as far as it goes, up to `wanted`; what it is then."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        reach = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))  # root may
            return wanted
        resource.setrlimit(resource.RLIMIT_NOFILE, (reach, hard))
        return reach
    return soft


def ask_for_files(connections: int) -> None:
    """See that processes started from now on may have so many connections.

    Raises:
        Problem: they may not, and why.
    """
    wanted = 2 * connections + 256  # a load balancer takes two for each
    allowed = free_files(wanted)
    if allowed < wanted:
        raise Problem(
            f"{connections:,} viewers need {wanted:,} open files, and this user may have {allowed:,}",
            f"Raise the hard limit (`ulimit -Hn {wanted}` as root, or limits.conf), or give fewer --viewers.",
        )
