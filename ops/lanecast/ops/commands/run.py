"""The commands that run something: `up`, `gateway`, `worker`, `demo`."""

from __future__ import annotations

import asyncio
import logging
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from lanecast.ops.problem import Problem

RedisOption = Annotated[
    str | None, typer.Option("--redis", metavar="URL", help="Redis or Valkey [env: LANECAST_REDIS_URL]")
]


def add(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Run")(up)
    app.command(rich_help_panel="Run")(gateway)
    app.command(rich_help_panel="Run")(worker)
    app.command(rich_help_panel="Run")(demo)


def up(
    demo: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Also run a demo: cologne8, ingolstadt21, city, or the path of a .sumocfg."),
    ] = None,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="For the dashboard and viewers; 0 takes any free one.")
    ] = 8080,
    host: Annotated[
        str, typer.Option(help="Address to listen on. Other than loopback needs LANECAST_SECRET.")
    ] = "127.0.0.1",
    gateways: Annotated[int, typer.Option(metavar="N", help="Gateway processes; they share the port.")] = 1,
    workers: Annotated[int, typer.Option(metavar="N", help="Worker processes; runs spread over them.")] = 1,
    redis: Annotated[
        str | None, typer.Option(metavar="URL", help="Use this Redis or Valkey instead of the embedded server.")
    ] = None,
    redis_port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, metavar="PORT", help="For the embedded server; default 6379 if free, else any."),
    ] = None,
    data: Annotated[Path, typer.Option(metavar="DIR", help="Where the embedded server keeps its data.")] = Path("data"),
    seconds: Annotated[
        float | None, typer.Option(min=0, metavar="S", help="End by itself after so many seconds.")
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also write the state file here, see below.")
    ] = None,
) -> None:
    """Run a whole system on this machine: server, workers, gateways and, if asked, a demo.

    Starts an embedded Valkey (unless --redis names another server), workers and gateways, each as a process of its own,
    prints the URL of the dashboard, and starts again whatever dies. Ctrl-C ends everything in order.

    While it runs, DIR/run/state.json says what runs: {"pid", "url", "redis_url", "ready", "children": {NAME: PID}},
    with the names valkey, worker-1, gateway-1, demo and so on. Kill one of them to see it come back.
    """
    from lanecast.broker import logs
    from lanecast.ops.report import Report
    from lanecast.ops.settings import OpsSettings
    from lanecast.ops.up import Options
    from lanecast.ops.up import up as run_up

    level = OpsSettings().log_level
    logs.configure(level)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # the questions whether a gateway is ready
    options = Options(demo, redis, redis_port, host, port, gateways, workers, data, seconds, state)
    asyncio.run(run_up(options, Report(level=level)))


def gateway(
    redis: RedisOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [env: LANECAST_HOST]")] = None,
    port: Annotated[int | None, typer.Option(min=1, max=65535, help="Port to listen on [env: LANECAST_PORT]")] = None,
    processes: Annotated[
        int,
        typer.Option(metavar="N", help="Processes that share the port, each a node of its own; the dead come back."),
    ] = 1,
) -> None:
    """Run one gateway, or several: dashboard, HTTP API and viewers' WebSockets.

    Everything else is set by the environment (LANECAST_…). Without LANECAST_SECRET a gateway listens on loopback only.
    """
    from lanecast.gateway import GatewaySettings, serve

    def serve_all(settings: GatewaySettings) -> None:
        from lanecast.ops import gateways
        from lanecast.ops.report import Report
        from lanecast.ops.settings import OpsSettings

        logging.getLogger("httpx").setLevel(logging.WARNING)  # the questions whether a process is ready
        asyncio.run(gateways.serve(settings, processes, Report(level=OpsSettings().log_level)))

    _serve(serve if processes == 1 else serve_all, GatewaySettings, redis_url=redis, host=host, port=port)


def worker(redis: RedisOption = None) -> None:
    """Run one worker: it turns what simulations publish into what viewers get.

    Start as many as there are cores to spare, on any machine; they share the runs among them.
    """
    from lanecast.workers import WorkerSettings, serve

    _serve(serve, WorkerSettings, redis_url=redis)


def _serve(serve: Any, settings: Any, **given: Any) -> None:
    """Run a service with settings from the environment, those given replaced."""
    import structlog

    from lanecast.broker import logs
    from lanecast.broker.connect import TRANSIENT
    from lanecast.broker.errors import LanecastError
    from lanecast.ops.settings import OpsSettings

    chosen = settings(**{name: value for name, value in given.items() if value is not None})
    logs.configure(OpsSettings().log_level)
    try:
        serve(chosen)
    except (LanecastError, *TRANSIENT):
        raise
    except Exception as error:  # noqa: BLE001 - it is logged and ends the process
        # One entry for logs that are read by machines, instead of a line for each line of the traceback.
        structlog.get_logger().critical("crashed", error=repr(error), traceback=traceback.format_exc())
        raise typer.Exit(1) from None


def demo(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="cologne8, ingolstadt21, city, sumo, or the path of a .sumocfg.")
    ],
    redis: RedisOption = None,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Of `sumo` and `city`: the .sumocfg to simulate.")
    ] = None,
    run: Annotated[str | None, typer.Option(metavar="ID", help="The run's id; default: the demo's name.")] = None,
) -> None:
    """Publish a demo: a real city's traffic, simulated by SUMO, that obeys its viewers.

    Needs a server, workers and a gateway that run already; `lanecast up --demo NAME` starts them all.
    Ends with status 0 when a viewer has stopped it.
    """
    from lanecast.broker import logs
    from lanecast.ops import demos
    from lanecast.ops.settings import OpsSettings, redis_url

    if name == "sumo" and config is None:
        raise Problem("the demo `sumo` wants --config FILE.sumocfg", "`lanecast demo cologne8` comes with its own.")
    if config is not None and name not in {"sumo", "city"}:
        raise Problem(f"the demo {name!r} takes no --config", "`sumo` and `city` do.")
    scenario = name if config is None else str(config)
    demos.check(scenario)
    logs.configure(OpsSettings().log_level)
    run_id = run or demos.run_id(scenario) + ("-city" if name == "city" and config is not None else "")
    if name == "city":
        demos.play_city(demos.CITY_SCENARIO if config is None else scenario, run_id[:64], redis_url(redis))
    else:
        demos.play(scenario, run_id, redis_url(redis))
