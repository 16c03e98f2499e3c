"""Where a bench runs: the machine, the versions, and a server of its own."""

from __future__ import annotations

import contextlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

import redis

from lanecast.ops import embedded, ports, tether
from lanecast.ops.problem import Problem

PACKAGES: Final = ("lanecast", "redis", "hiredis", "msgspec", "numpy", "uvloop")
START_S: Final = 10.0


def describe() -> str:
    """The machine in a line."""
    return f"{os.cpu_count()} CPUs, {platform.system()} {platform.release()}, {platform.machine()}"


def versions() -> dict[str, str]:
    """What a figure depends on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    with contextlib.suppress(Problem):
        found["server"] = embedded.find().what
    return found


@contextlib.contextmanager
def child(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives no longer than the block, whatever ends it."""
    tied = [sys.executable, "-S", str(Path(tether.__file__)), str(os.getpid()), *command]
    process = subprocess.Popen(tied, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The URL of an empty embedded server; gone with the block.

    Raises:
        Problem: there is none to start, or it does not start.
    """
    binary, port = embedded.find(), ports.free_port()
    with (
        tempfile.TemporaryDirectory(prefix="lanecast-bench-") as folder,
        child(*embedded.command(binary, Path(folder), port)),
        redis.Redis(port=port) as client,
    ):
        deadline = time.monotonic() + START_S
        while not _answers(client):
            if time.monotonic() > deadline:
                raise Problem(f"{binary.what} does not start on port {port}")
            time.sleep(0.02)
        yield embedded.url(port)


def _answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
