"""The commands for jobs: `jobs list`, `run`, `cancel`, `report`, `work`."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from lanecast.broker.errors import LanecastError
from lanecast.ops import console
from lanecast.ops.commands.inspect import RedisOption, opened
from lanecast.ops.problem import Problem
from lanecast.ops.settings import redis_url

if TYPE_CHECKING:
    from lanecast.workers.jobs.ledger import Entry

LOOK_S = 0.2
OVER = ("done", "failed", "cancelled")


def add(app: typer.Typer) -> None:
    """Add the commands."""
    jobs = typer.Typer(help="What is done now and then: trimming, reaping, capacity reports.", no_args_is_help=True)
    jobs.command("list")(list_jobs)
    jobs.command()(run)
    jobs.command()(cancel)
    jobs.command()(report)
    jobs.command()(work)
    app.add_typer(jobs, name="jobs", rich_help_panel="Run")


def list_jobs(
    as_json: Annotated[bool, typer.Option("--json", help="Print jobs and what became of them as JSON.")] = False,
    redis: RedisOption = None,
) -> None:
    """List the jobs there are, when they run by themselves, and what became of the last ones."""
    asyncio.run(_list(as_json, redis))


def run(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `jobs list` shows it.")],
    args: Annotated[list[str] | None, typer.Argument(metavar="[ARG=VALUE]...", help="Instead of the defaults.")] = None,
    here: Annotated[bool, typer.Option("--here", help="In this process, without queue and worker.")] = False,
    wait: Annotated[float, typer.Option(min=0, metavar="S", help="For the result; 0: do not wait.")] = 60.0,
    redis: RedisOption = None,
) -> None:
    """Ask for a job now, and wait for its result. Status 1 if it fails, or is not done in time."""
    given = _arguments(name, args or [])
    asyncio.run(_run_here(name, given, redis) if here else _run(name, given, wait, redis))


def cancel(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="As `jobs list` shows it.")], redis: RedisOption = None
) -> None:
    """Cancel a job that waits or runs."""
    asyncio.run(_cancel(job_id, redis))


def report(
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Make a new one first, in this process.")] = False,
    redis: RedisOption = None,
) -> None:
    """Show the last capacity report: rates, memory, viewers and lag of every run."""
    asyncio.run(_report(as_json, now, redis))


def work(redis: RedisOption = None) -> None:
    """Run the process that does the jobs, on schedule and when asked for. `lanecast up` starts one.

    Several do no harm. On a Redis Cluster the queue wants a server of its own: LANECAST_JOBS_REDIS_URL.
    """
    from lanecast.ops.commands.run import _serve
    from lanecast.workers.jobs.queue import serve
    from lanecast.workers.settings import JobsSettings

    _serve(serve, JobsSettings, redis_url=redis)


async def _list(as_json: bool, redis: str | None) -> None:
    import msgspec

    from lanecast.workers.jobs import JOBS, ledger

    async with _queue(redis) as queue:
        entries = await ledger.entries(queue)
    rows = [
        {"name": job.name, "about": job.about, "every_min": job.every_min, "args": dict(job.defaults)}
        for job in JOBS.values()
    ]
    if as_json:
        console.print_json({"jobs": rows, "entries": msgspec.to_builtins(entries)})
        return
    table = Table("job", "every", "what it does", "arguments", box=None, header_style="dim")
    for job in JOBS.values():
        every = f"{job.every_min} min" if job.every_min else "-"
        table.add_row(job.name, every, job.about, " ".join(f"{k}={v:g}" for k, v in job.defaults.items()))
    console.out.print(table)
    if entries:
        told = Table(Column("id", no_wrap=True), "job", "state", "age", "result", box=None, header_style="dim")
        for entry in entries[:20]:
            age = f"{time.time() - entry.at_ms / 1000:.0f} s"
            told.add_row(entry.id, entry.name, entry.state, age, _outcome(entry))
        console.out.print()
        console.out.print(told)


async def _run(name: str, given: dict[str, Any], wait_s: float, redis: str | None) -> None:
    from lanecast.workers.jobs import ledger
    from lanecast.workers.jobs.queue import enqueue

    async with _queue(redis) as queue:
        job_id = await enqueue(queue, name, given)
        console.err.print(f"asked for as {job_id}", style="dim")
        if not wait_s:
            return
        deadline = time.monotonic() + wait_s
        while (entry := await ledger.read(queue, job_id)) is None or entry.state not in OVER:
            if time.monotonic() > deadline:
                state = "unknown" if entry is None else entry.state
                raise Problem(
                    f"{name} is {state} after {wait_s:g} s", "Does `lanecast jobs work` run? --here needs none."
                )
            await asyncio.sleep(LOOK_S)
    if entry.state != "done":
        raise Problem(f"{name} {entry.state}: {entry.error or ''}")
    console.print_json(entry.result)


async def _run_here(name: str, given: dict[str, Any], redis: str | None) -> None:
    from lanecast.workers.jobs.queue import run_here

    async with opened(redis) as client:
        console.print_json(await run_here(client, name, given))


async def _cancel(job_id: str, redis: str | None) -> None:
    from lanecast.workers.jobs.queue import cancel as cancel_job

    async with _queue(redis) as queue:
        if not await cancel_job(queue, job_id):
            raise Problem(f"no job {job_id} waits or runs", "`lanecast jobs list` shows them.")
    console.out.print(f"{job_id} will be cancelled")


async def _report(as_json: bool, now: bool, redis: str | None) -> None:
    import msgspec

    from lanecast.workers.jobs import capacity
    from lanecast.workers.jobs.queue import run_here

    async with opened(redis) as client:
        if now:
            await run_here(client, "capacity", {})
        found = await capacity.report(client)
    if found is None:
        raise Problem(
            "there is no capacity report yet", "--now makes one; `lanecast jobs work` makes one every minute."
        )
    if as_json:
        console.print_json(msgspec.to_builtins(found))
        return
    table = Table(box=None, header_style="dim")
    for name in ("run", "state", "MiB", "viewers", "in/s", "out/s", "lag", "oldest s", "memory"):
        table.add_column(name, justify="left" if name in {"run", "state", "viewers"} else "right")
    for one in found.runs:
        rates = {way: sum(rate for name, rate in one.rates.items() if name.startswith(way)) for way in ("in:", "out:")}
        viewers = " ".join(f"{tier} {count}" for tier, count in one.viewers.items()) or "-"
        table.add_row(
            one.run, one.state, f"{one.bytes / 2**20:,.1f}", viewers, f"{rates['in:']:,.1f}", f"{rates['out:']:,.1f}",
            f"{one.lag_entries:,}", f"{one.lag_s:.1f}", f"{one.memory:.0%}",
        )  # fmt: skip
    console.out.print(table)


def _arguments(name: str, words: list[str]) -> dict[str, Any]:
    from lanecast.workers.jobs.queue import known

    job, given = known(name), {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals:
            raise Problem(f"{word!r} is not ARG=VALUE")
        try:
            given[key] = value if isinstance(job.defaults.get(key), str) else float(value)
        except ValueError:
            raise Problem(f"{key}: {value!r} is not a number") from None
    job.with_args(given)
    return given


def _outcome(entry: Entry) -> str:
    if entry.state == "running":
        return f"{entry.done} of {entry.of or '?'} {entry.text}"
    return entry.error or " ".join(f"{k} {v:,.0f}" for k, v in (entry.result or {}).items() if k != "at_ms")


@contextlib.asynccontextmanager
async def _queue(redis: str | None) -> AsyncIterator[Any]:
    from lanecast.workers.jobs.queue import open_queue
    from lanecast.workers.settings import JobsSettings

    try:
        queue = open_queue(JobsSettings(redis_url=redis_url(redis)))
    except LanecastError as error:
        raise Problem(str(error)) from None
    try:
        yield queue
    finally:
        await queue.aclose(close_connection_pool=True)
