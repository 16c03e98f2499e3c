"""The data folder of `lanecast up`: who uses it, what runs, and where the embedded server keeps its data.

DIR/redis           the append-only file
DIR/run/lock        held by the `up` that uses the folder; the kernel lets go of it however that ends
DIR/run/state.json  what runs now: `State`
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from lanecast.ops.problem import Problem

DEFAULT: Final = Path("data")


class State(msgspec.Struct):
    """What `up` has started, for people, tests and the other commands.

    Attributes:
        pid: of `up` itself.
        url: of the gateways.
        redis_url: of the server that all parts use; may hold a password, so the file is for its owner only.
        ready: whether everything has been started.
        children: name (`valkey`, `worker-1`, `gateway-1`, `demo`, …) -> process id, of those that run now.
    """

    pid: int
    url: str
    redis_url: str
    ready: bool = False
    children: dict[str, int] = {}


class Folder:
    """A data folder on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.redis = self.path / "redis"
        self.state = self.path / "run" / "state.json"
        self._lock = self.path / "run" / "lock"

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Keep the folder to oneself.

        Raises:
            Problem: another `up` uses it, or it cannot be written.
        """
        try:
            self._lock.parent.mkdir(parents=True, exist_ok=True)
            self.redis.mkdir(exist_ok=True)
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise Problem(f"{self.path}: {error.strerror}", "Choose another folder with --data DIR.") from None
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                running = read_state(self.state)
                who = f" (process {running.pid}, {running.url})" if running else ""
                raise Problem(
                    f"another `lanecast up` uses {self.path}{who}",
                    "Stop that one, or give this one a folder of its own with --data DIR.",
                ) from None
            yield
        finally:
            os.close(descriptor)


def write_state(path: Path, state: State) -> None:
    """Replace the file at once: a reader sees the old state or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(msgspec.json.encode(state) + b"\n")
    fresh.replace(path)


def read_state(path: Path) -> State | None:
    """What runs according to the file; None if there is none, or its `up` is gone."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
        os.kill(state.pid, 0)
    except (OSError, msgspec.DecodeError):
        return None
    return state
