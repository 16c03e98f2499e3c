"""`StreamServer`: a whole `lanecast up` (Valkey, worker, gateway) that lives as long as this process wants it.

The producer package never imports what runs servers: it starts the command, and reads its state file.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lanecast.broker.errors import LanecastError

READY_S: Final = 60.0
LOOK_S: Final = 0.05
END_S: Final = 20.0
KEEPER: Final = Path(__file__).with_name("keeper.py")
NEEDED: Final = ("lanecast.ops", "typer", "fastapi", "uvicorn")


class ServerNotStarted(LanecastError):
    """The embedded server cannot be had; the text says why and what to do."""


class StreamServer:
    """An embedded server: started once, shared by any number of visualizers, ended with this process.

    Safe to use from several threads. `start` and `stop` may be repeated.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        fps_limit: float = 30.0,
        data: Path | str | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        """Nothing is started yet.

        Args:
            host: address that viewers come to. Other than loopback needs LANECAST_SECRET in the environment.
            port: for viewers; 0 takes any free one.
            fps_limit: frames a second, at most, of each visualizer that uses it.
            data: folder for the embedded Valkey's data, which then outlives the server; default: a temporary one.
            origins: other web origins (`https://host:port`) whose pages may connect.
        """
        self.host, self.port, self.fps_limit = host, port, fps_limit
        self._data = None if data is None else Path(data)
        self._origins = list(origins)
        self._lock = threading.RLock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._state: dict[str, Any] = {}
        self._began_s = 0.0

    def allow_origin(self, origin: str) -> None:
        """Let pages of this origin connect; only before `start`."""
        self._origins.append(origin)

    def start(self) -> Self:
        """Start it and wait until it is ready.

        Raises:
            ServerNotStarted: the server's packages are missing, the port is in use, or it did not come up in a minute.
        """
        with self._lock:
            if self.running:
                return self
            _check_packages()
            self._folder = tempfile.TemporaryDirectory(prefix="lanecast-", ignore_cleanup_errors=True)
            folder = Path(self._folder.name)
            state, said = folder / "state.json", folder / "up.log"
            command = [
                sys.executable, "-I", str(KEEPER), sys.executable, "-m", "lanecast.ops", "up",
                "--host", self.host, "--port", str(self.port), "--data", str(self._data or folder / "data"),
                "--redis-port", str(_free_port()), "--state", str(state),
            ]  # fmt: skip
            known = [origin for origin in os.environ.get("LANECAST_ORIGINS", "").split(",") if origin]
            env = {**os.environ, "LANECAST_ORIGINS": ",".join([*known, *self._origins])}
            env.pop("LANECAST_PORT", None)
            with said.open("wb") as log:
                self._process = subprocess.Popen(  # noqa: S603 - our own command
                    command, env=env, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
                )
            self._began_s = time.monotonic()
            try:
                self._state = self._ready(state, said)
            except BaseException:
                self.stop()
                raise
            return self

    def stop(self) -> None:
        """End it in order: viewers are told, data is on disk. Safe to repeat."""
        with self._lock:
            process, self._process = self._process, None
            folder, self._folder = self._folder, None
            self._state = {}
        if process is not None:
            if process.stdin is not None:
                with contextlib.suppress(OSError):
                    process.stdin.close()
            try:
                process.wait(END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if folder is not None:
            folder.cleanup()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.poll() is None

    @property
    def url(self) -> str:
        """`http://host:port` for viewers; empty while it does not run."""
        return str(self._state.get("url", ""))

    @property
    def redis_url(self) -> str:
        """For producers; empty while it does not run."""
        return str(self._state.get("redis_url", ""))

    @property
    def uptime_s(self) -> float:
        """Seconds since it was started; 0 while it does not run."""
        return time.monotonic() - self._began_s if self.running else 0.0

    def _ready(self, state: Path, said: Path) -> dict[str, Any]:
        deadline = time.monotonic() + READY_S
        assert self._process is not None  # noqa: S101 - just started
        while True:
            with contextlib.suppress(FileNotFoundError, ValueError):
                what: dict[str, Any] = json.loads(state.read_bytes())
                if what.get("ready"):
                    return what
            if self._process.poll() is not None:
                raise ServerNotStarted(f"the embedded server ended while it started:\n{_tail(said)}")
            if time.monotonic() > deadline:
                raise ServerNotStarted(f"the embedded server was not ready within {READY_S:.0f} s:\n{_tail(said)}")
            time.sleep(LOOK_S)  # a child's file: nothing to wait on


def _check_packages() -> None:
    missing = [name for name in NEEDED if not _installed(name)]
    if missing:
        raise ServerNotStarted(
            f"an embedded server needs {', '.join(missing)}: `pip install 'lanecast[server,embedded]'`, "
            "or name a running server (redis_url=…, gateway_url=…)"
        )


def _free_port() -> int:
    """Not the usual 6379: another embedded server that starts at this moment would take it, too."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _installed(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text(errors="replace").strip()[-2_000:]
    return ""
