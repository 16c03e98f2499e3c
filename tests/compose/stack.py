"""The containers of compose.yaml as a test starts them: a project of its own, on free ports, gone at the end."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from tests.support.containers import why_not as lacks
from tests.support.servers import free_port

FILES = ("-f", "compose.yaml", "-f", "tests/compose/stack.yaml")
PROFILES = ("monitoring", "haproxy", "sentinel", "cluster")
NGINX = ("nginx:1.28-bookworm", "nginx:1.22-bookworm")
"""The first that is there is used."""
IMAGES = ("valkey/valkey:9.1", "python:3.11-slim-bookworm")


def why_not() -> str | None:
    """Why the containers cannot be started here; None if they can."""
    if shutil.which("docker-compose") is None or shutil.which("docker") is None:
        return "docker and docker-compose are not installed"
    if nginx() is None:
        return lacks(NGINX[0])
    return next((reason for reason in map(lacks, IMAGES) if reason), None)


def nginx() -> str | None:
    """The image of nginx to use."""
    return next((image for image in NGINX if lacks(image) is None), None)


class Stack:
    """A running project."""

    def __init__(self, root: Path, **settings: str) -> None:
        self.root = root
        self.name = f"lanecast-test-{secrets.token_hex(3)}"
        self.secret = secrets.token_hex(32)
        password = secrets.token_hex(16)
        self.ports = {f"LANECAST_{name}PORT": free_port() for name in ("", "PROMETHEUS_", "HAPROXY_")}
        ours = ("LANECAST_", "COMPOSE_")
        self.env = {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
            "COMPOSE_PROJECT_NAME": self.name,
            "COMPOSE_REDIS_URL": f"redis://:{password}@valkey:6379/0",
            "LANECAST_REDIS_PASSWORD": password,
            "LANECAST_SECRET": self.secret,
            "LANECAST_NGINX_IMAGE": nginx() or NGINX[0],
            "LANECAST_TAG": settings.pop("tag", "dev"),
            **{name: str(port) for name, port in self.ports.items()},
            **{name: value.format(password=password) for name, value in settings.items()},
        }  # fmt: skip

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports['LANECAST_PORT']}"

    def compose(self, *args: str, within_s: float = 120.0) -> str:
        """Run docker-compose; returns what it said on standard output."""
        done = subprocess.run(
            ["docker-compose", *FILES, *args], cwd=self.root, env=self.env, capture_output=True, text=True,
            timeout=within_s, check=False, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == 0, f"docker-compose {' '.join(args)}: {done.stderr[-3000:]}"
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """The ids of its containers."""
        return self.compose("ps", "-q", service).split()

    def inspect(self, container: str, template: str) -> str:
        """What `docker inspect` says."""
        return docker("inspect", "--format", template, container)

    def healthy(self, service: str, within_s: float = 60.0) -> None:
        """Wait until all containers of a service are healthy."""
        ids = self.containers(service)
        wait_for(
            lambda: all(self.inspect(one, "{{.State.Health.Status}}") == "healthy" for one in ids),
            within_s, f"{service} healthy", self.logs,
        )  # fmt: skip

    def ready(self, port: str = "LANECAST_PORT", within_s: float = 90.0) -> None:
        """Wait until a gateway answers through the balancer that it is ready."""

        def answers() -> bool:
            with contextlib.suppress(httpx.HTTPError):
                return httpx.get(f"http://127.0.0.1:{self.ports[port]}/readyz", trust_env=False).status_code == 200
            return False

        wait_for(answers, within_s, "answer of /readyz", self.logs)

    def logs(self) -> str:
        """The last lines of everybody."""
        return self.compose("logs", "--no-color", "--tail=15")


@contextlib.contextmanager
def running(stack: Stack, *args: str) -> Iterator[Stack]:
    """Started with `docker-compose up -d ARGS`, and gone with the block, volumes too."""
    try:
        stack.compose("up", "-d", "--no-build", *args, within_s=180)
        yield stack
    finally:
        profiles = (word for name in PROFILES for word in ("--profile", name))
        stack.compose(*profiles, "down", "-v", "-t", "3", "--remove-orphans", within_s=180)


def docker(*args: str) -> str:
    """Run docker; returns what it said."""
    done = subprocess.run(["docker", *args], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"docker {' '.join(args)}: {done.stderr}"
    return done.stdout.strip()


def wait_for(done: Callable[[], bool], within_s: float, what: str, logs: Callable[[], str] = str) -> None:
    """Ask until it is so: other machines have no events to await."""
    deadline_s = time.monotonic() + within_s
    while not done():
        assert time.monotonic() < deadline_s, f"no {what} within {within_s} s\n{logs()[-6000:]}"
        time.sleep(0.2)
