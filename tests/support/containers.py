"""Servers in containers, by testcontainers, where a Docker engine answers and has (or can fetch) the image."""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import warnings
from collections.abc import Iterator
from typing import Any

from tests.support.servers import Server, wait_for

VALKEY = "valkey/valkey:9.1"
REDIS = "redis:7.0-bookworm"

# The reaper is one more image to be had; each container here is removed by the block that started it.
os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")


@functools.cache
def why_not(image: str) -> str | None:
    """Why there can be no container of this image here; None if there can."""
    try:
        docker: Any = importlib.import_module("docker")
    except ImportError:
        return "testcontainers is not installed"
    try:
        with contextlib.closing(docker.from_env(timeout=5)) as engine:
            engine.ping()
            try:
                engine.images.get(image)
            except docker.errors.ImageNotFound:
                return f"the Docker engine has no image {image}: `docker pull {image}` fetches it"
    except (docker.errors.DockerException, OSError) as error:
        return f"no Docker engine answers: {str(error)[:80]}"
    return None


@contextlib.contextmanager
def server(image: str) -> Iterator[Server]:
    """A server of this image with AOF, gone with the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it warns of its own parts when it is imported
        from testcontainers.core.container import DockerContainer

    command = "valkey-server" if image.startswith("valkey") else "redis-server"
    container: Any = DockerContainer(image).with_exposed_ports(6379)
    container.with_command(f"{command} --appendonly yes --save '' --bind 0.0.0.0 --protected-mode no")
    with container:
        url = f"redis://{container.get_container_host_ip()}:{container.get_exposed_port(6379)}/0"
        started = Server(url, f"{image} in a container")
        wait_for(url, started.what)
        yield started
