"""Which server the tests run against: one that is given, one in a container, a local binary, or the embedded one.

The first that is to be had serves the whole session. Tests that kill their server start a child process instead.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support import containers
from tests.support.servers import Server, embedded_binary, start_server

URL_VARIABLE = "LANECAST_TEST_REDIS_URL"


@dataclass
class Chosen:
    """A server that can be started in a folder; `passed_over` says why none that comes before it was taken."""

    what: str
    start: Callable[[Path], AbstractContextManager[Server]]
    passed_over: list[str] = field(default_factory=list)


def choose() -> Chosen:
    """The first of the four kinds that is to be had.

    Raises:
        RuntimeError: none is.
    """
    passed_over: list[str] = []
    url = os.environ.get(URL_VARIABLE)
    if url:
        return Chosen(f"the server that {URL_VARIABLE} names", lambda _: contextlib.nullcontext(Server(url, "given")))
    passed_over.append(f"one that is given ({URL_VARIABLE} is not set)")
    reason = containers.why_not(containers.VALKEY)
    if reason is None:
        return Chosen(
            f"{containers.VALKEY} in a container", lambda _: containers.server(containers.VALKEY), passed_over
        )
    passed_over.append(f"a container ({reason})")
    local = shutil.which("valkey-server") or shutil.which("redis-server")
    if local:
        return Chosen(f"the local {local}", lambda folder: _child(folder, local), passed_over)
    passed_over.append("a local one (neither valkey-server nor redis-server is on the PATH)")
    embedded = embedded_binary()
    if embedded:
        return Chosen("the embedded Valkey", lambda folder: _child(folder, embedded), passed_over)
    raise RuntimeError(f"no server for the tests: `make setup` installs the embedded one; {'; '.join(passed_over)}")


@contextlib.contextmanager
def _child(folder: Path, binary: str) -> Iterator[Server]:
    server = start_server(folder, binary=binary)
    try:
        yield server
    finally:
        server.stop()
