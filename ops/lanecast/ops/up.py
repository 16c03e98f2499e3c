"""`lanecast up`: plans the parts of a whole system on one machine, starts them in order and keeps them running.

Order: server, workers, gateways, demo. Each is a process of its own that talks to the others by Redis only, exactly as
on many machines.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lanecast.broker import keys
from lanecast.broker.connect import address, check_server, connect, is_cluster
from lanecast.ops import demos, embedded, metrics_ports, ports, probes
from lanecast.ops.folder import DEFAULT, Folder, State, write_state
from lanecast.ops.problem import Problem
from lanecast.ops.report import Report
from lanecast.ops.supervise import Event, Part, Supervisor, asked_to_stop

MOST: Final = 64
"""The most workers or gateways on one machine; more is a slip of the finger."""

DEMO_READY_S: Final = 60.0
"""The first start of a demo reads a whole city from disk."""


@dataclass(frozen=True)
class Options:
    """What to run.

    Attributes:
        redis: URL of a running server; None starts the embedded one.
        redis_port: for the embedded server; None takes 6379 if that is free, else any.
        port: of the gateways; 0 takes any free one.
        demo: name of a demo or path of a `.sumocfg`, None for none.
        data: the data folder.
        seconds: end by itself after so long; None never.
        state: a second place for the state file.
    """

    demo: str | None = None
    redis: str | None = None
    redis_port: int | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    gateways: int = 1
    workers: int = 1
    data: Path = DEFAULT
    seconds: float | None = None
    state: Path | None = None

    @property
    def url(self) -> str:
        """Of the gateways, for a browser on this machine."""
        host = "127.0.0.1" if self.host in ("0.0.0.0", "::") else self.host  # noqa: S104 - compared, not bound
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"


async def up(options: Options, report: Report) -> None:
    """Run everything until Ctrl-C, SIGTERM or `seconds`; then end it in order.

    Raises:
        Problem: something cannot be started; what had been started was ended again.
    """
    options = _checked(options)
    folder = Folder(options.data)
    with folder.held():
        server, redis_url = _server(options, folder, report)
        places = [folder.state, *([options.state.absolute()] if options.state else [])]
        state = State(os.getpid(), options.url, redis_url)

        def write() -> None:
            for place in places:
                write_state(place, state)

        def on_event(event: Event) -> None:
            if event.kind in ("started", "died", "done", "stopped"):
                state.children = supervisor.pids
                write()
            report.event(event)

        supervisor = Supervisor(on_event, report.line)
        with asked_to_stop(supervisor, report.say) as asked:
            starting = asyncio.create_task(_start(options, server, redis_url, supervisor, report))
            waiting = asyncio.create_task(asked.wait())
            try:
                await asyncio.wait({starting, waiting}, return_when=asyncio.FIRST_COMPLETED)
                if starting.done():
                    starting.result()
                    state.ready = True
                    write()
                    report.live(options.url, redis_url, options.demo and demos.run_id(options.demo))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(asked.wait(), options.seconds)
            finally:
                report.ending = True
                for task in (waiting, starting):
                    task.cancel()
                await asyncio.gather(waiting, starting, return_exceptions=True)
                await supervisor.stop()
                for place in places:
                    place.unlink(missing_ok=True)


def plan(options: Options, redis_url: str) -> list[Part]:
    """The parts besides the server, in the order in which they start. Pure but for this machine's name and environment.

    On a Cluster jobs are left out unless their queue has a server of its own.
    """
    common = {"LANECAST_REDIS_URL": redis_url}
    # On a server of its own nobody else has these names; on a shared one they must differ from machine to machine.
    prefix = "" if options.redis is None else f"{_hostname()}-{options.port}-"
    parts = [_worker(f"{prefix}worker-{n}", f"worker-{n}", common) for n in range(1, options.workers + 1)]
    parts += [_gateway(f"{prefix}gateway-{n}", f"gateway-{n}", common, options) for n in range(1, options.gateways + 1)]
    if not is_cluster(redis_url) or os.environ.get("LANECAST_JOBS_REDIS_URL"):
        queue = os.environ.get("LANECAST_JOBS_REDIS_URL") or redis_url
        parts.append(Part("jobs", _command("jobs", "work"), probes.exists(queue, keys.JOBS_ALIVE), lambda _: common))
    if options.demo is not None:
        ready = probes.run_alive(redis_url, demos.run_id(options.demo))
        command = _command("demo", options.demo)
        parts.append(Part("demo", command, ready, lambda _: common, ready_within_s=DEMO_READY_S, ends_well=True))
    return parts


def _worker(id_: str, name: str, common: Mapping[str, str]) -> Part:
    return Part(
        name,
        _command("worker"),
        probes.heartbeat(common["LANECAST_REDIS_URL"], keys.WORKERS, lambda life: f"{id_}-{life}"),
        lambda life: {**common, "LANECAST_WORKER_ID": f"{id_}-{life}"},
    )


def _gateway(id_: str, name: str, common: Mapping[str, str], options: Options) -> Part:
    ready = probes.http_ok(f"{options.url}/readyz")
    if options.gateways > 1:  # another one on the same port may answer in its place
        alive = probes.heartbeat(common["LANECAST_REDIS_URL"], keys.GATEWAYS, lambda life: f"{id_}-{life}")
        ready = probes.every(alive, ready)
    settings = {
        "LANECAST_HOST": options.host,
        "LANECAST_PORT": str(options.port),
        "LANECAST_REUSE_PORT": str(options.gateways > 1).lower(),
    }
    return Part(
        name,
        _command("gateway"),
        ready,
        lambda life: {**common, **settings, "LANECAST_NODE": f"{id_}-{life}"},
    )


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "lanecast.ops", *words)


async def _start(options: Options, server: Part | None, redis_url: str, supervisor: Supervisor, report: Report) -> None:
    if server is not None:
        await supervisor.start(server)
    client = connect(redis_url)
    try:
        version = await check_server(client)
    finally:
        await client.aclose()
    if server is None:
        report.say(f"{version} at {address(client)}")
    for part in metrics_ports.numbered(plan(options, redis_url)):
        await supervisor.start(part)


def _server(options: Options, folder: Folder, report: Report) -> tuple[Part | None, str]:
    """The embedded server as a part (None: a given one is used) and the URL of the server to use."""
    if options.redis is not None:
        return None, options.redis
    if options.redis_port and not ports.is_free(options.redis_port):
        raise Problem(
            f"port {options.redis_port} is in use",
            f"Choose another with --redis-port, or use the server that listens there: "
            f"--redis {embedded.url(options.redis_port)}",
        )
    port = options.redis_port or ports.free_port(embedded.PREFERRED_PORT)
    binary = embedded.find()
    report.details["valkey"] = f"{binary.what} on 127.0.0.1:{port}, data in {folder.redis}"
    command = embedded.command(binary, folder.redis, port)
    return Part("valkey", command, probes.server(embedded.url(port))), embedded.url(port)


def _checked(options: Options) -> Options:
    """The options with real values in place of "any", once it is clear that they can be had."""
    for name, count in (("--workers", options.workers), ("--gateways", options.gateways)):
        if not 1 <= count <= MOST:
            raise Problem(f"{name} {count} is not between 1 and {MOST}")
    if options.demo is not None:
        demos.check(options.demo)
    if options.port == 0:
        return replace(options, port=ports.free_port())
    if not ports.is_free(options.port, options.host):
        other = next((port for port in range(options.port + 1, options.port + 50) if ports.is_free(port)), 0)
        raise Problem(
            f"port {options.port} is in use",
            f"Choose another with --port {other} (0 takes any), or end what listens there.",
        )
    return options


def _hostname() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).strip(".-")[:24] or "host"
