"""Keeps processes running: starts them in order, starts again whatever dies, ends all of them in reverse order.

Each child leads a process group of its own, so that Ctrl-C on a terminal reaches the supervisor only, and is tied to
the supervisor (`tether`), so that none outlives it. What happens is told to `on_event`; nothing is printed here.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lanecast.ops import tether
from lanecast.ops.backoff import Backoff
from lanecast.ops.problem import Problem

POLL_S: Final = 0.05
LONGEST_LINE_BYTES: Final = 1 << 20


def _nothing(_life: str) -> Mapping[str, str]:
    return {}


@dataclass(frozen=True)
class Part:
    """One process to keep running.

    Attributes:
        env: settings for one life of the part. Each start is a life of its own, with a random name: whoever
            registers itself somewhere must not be taken for its predecessor.
        ready: asked every `POLL_S`, with the name of the life, until it says yes; may raise OSError for "not yet".
        ready_within_s: for the first start; later starts are waited for as long as they take.
        stop_within_s: after SIGTERM; then comes SIGKILL.
        ends_well: status 0 means that its work is done; otherwise any end is a failure.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[str], Awaitable[bool]]
    env: Callable[[str], Mapping[str, str]] = _nothing
    ready_within_s: float = 30.0
    stop_within_s: float = 5.0
    ends_well: bool = False


@dataclass(frozen=True)
class Event:
    """What has happened to a part.

    Attributes:
        kind: `started`, `ready` (for the first time), `died`, `back` (ready again), `done` (ended well), `killed` (did
            not end in time), `stopped`.
        status: exit status; negative: the number of the signal that killed it.
        seconds: `ready`, `back`: since it was started or had died; `died`: until it is started again.
    """

    kind: str
    part: str
    pid: int = 0
    status: int = 0
    seconds: float = 0.0

    @property
    def how(self) -> str:
        """`was killed by SIGKILL` or `ended with status 1`."""
        if self.status < 0:
            return f"was killed by {signal.Signals(-self.status).name}"
        return f"ended with status {self.status}"


@dataclass
class _Running:
    part: Part
    process: asyncio.subprocess.Process
    started: float
    life: str
    output: asyncio.Task[None]
    keeper: asyncio.Task[None] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=20))


class Supervisor:
    """Runs parts; `on_event(Event)` hears what happens, `on_line(name, text)` each line that a child writes."""

    def __init__(self, on_event: Callable[[Event], None], on_line: Callable[[str, str], None]) -> None:
        self._on_event = on_event
        self._on_line = on_line
        self._running: dict[str, _Running] = {}

    @property
    def pids(self) -> dict[str, int]:
        """Name -> process id of the parts that run now."""
        return {name: it.process.pid for name, it in self._running.items() if it.process.returncode is None}

    async def start(self, part: Part) -> None:
        """Start a part, wait until it is ready, and keep it running from then on.

        Raises:
            Problem: it ended before it was ready, or was not ready in time; it is not kept.
        """
        running = await self._spawn(part)
        self._running[part.name] = running
        self._on_event(Event("started", part.name, running.process.pid))
        ended = asyncio.ensure_future(running.process.wait())
        ready = asyncio.ensure_future(_until_ready(part, running.life))
        try:
            await asyncio.wait({ended, ready}, timeout=part.ready_within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            ready.cancel()
        status = running.process.returncode
        if status == 0 and part.ends_well:
            await _quietly(running.output)
            self._on_event(Event("done", part.name, running.process.pid))
            return
        if status is not None:
            await _quietly(running.output)
            raise Problem(
                f"{part.name} {Event('died', part.name, status=status).how} before it was ready", _said(running)
            )
        if not ready.done() or ready.cancelled():
            raise Problem(f"{part.name} was not ready within {part.ready_within_s:g} s", _said(running))
        ready.result()
        self._on_event(Event("ready", part.name, running.process.pid, seconds=time.monotonic() - running.started))
        running.keeper = asyncio.create_task(self._keep(running), name=f"keep {part.name}")

    async def stop(self, *, together: bool = False) -> None:
        """End all parts, the last one started first, each within its time or by SIGKILL. Cannot fail.

        `together`: all are told to end before any is waited for.
        """
        keepers = [running.keeper for running in self._running.values() if running.keeper is not None]
        for keeper in keepers:  # first of all: what ends from now on stays ended
            keeper.cancel()
        for keeper in keepers:
            await _quietly(keeper)
        if together:
            for running in self._running.values():
                if running.process.returncode is None:
                    with contextlib.suppress(ProcessLookupError):
                        running.process.terminate()
        for running in reversed(list(self._running.values())):
            await self._end(running)
        self._running.clear()

    def kill(self) -> None:
        """SIGKILL to all parts: makes a `stop` under way a quick one."""
        for running in self._running.values():
            _signal_group(running.process, signal.SIGKILL)

    async def _spawn(self, part: Part) -> _Running:
        started, life = time.monotonic(), secrets.token_hex(3)
        tied = (sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid()), *part.command)
        # A pipe of our own: asyncio's would hide the end of a child for as long as a grandchild holds the pipe open.
        ours, theirs = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *tied,
                env={**os.environ, **part.env(life)},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=theirs,
                stderr=theirs,
                start_new_session=True,
            )
        except OSError as error:
            os.close(ours)
            raise Problem(f"{part.name} cannot be started: {error}") from None
        finally:
            os.close(theirs)
        lines: deque[str] = deque(maxlen=20)
        output = asyncio.create_task(self._pass_on(part.name, ours, lines), name=f"output of {part.name}")
        return _Running(part, process, started, life, output, last_lines=lines)

    async def _pass_on(self, name: str, descriptor: int, last: deque[str]) -> None:
        stream = asyncio.StreamReader(LONGEST_LINE_BYTES)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb", buffering=0)
        )
        try:
            while True:
                try:
                    line = await stream.readline()
                except ValueError:  # over the limit: what has come so far was dropped by the reader
                    continue
                if not line:
                    return
                text = line.decode("utf-8", "replace").rstrip()
                last.append(text)
                self._on_line(name, text)
        finally:
            transport.close()

    async def _keep(self, running: _Running) -> None:
        part, backoff = running.part, Backoff()
        while True:
            status = await running.process.wait()
            died = time.monotonic()
            # What it has started itself must not go on without it.
            _signal_group(running.process, signal.SIGKILL)
            if status == 0 and part.ends_well:
                self._on_event(Event("done", part.name, running.process.pid))
                return
            wait_s = backoff.after(died - running.started)
            self._on_event(Event("died", part.name, running.process.pid, status, wait_s))
            await asyncio.sleep(wait_s)
            try:
                fresh = await self._spawn(part)
            except Problem as problem:  # out of processes or memory, perhaps: it may come back
                self._on_line(part.name, str(problem))
                continue
            # In place: `stop` must find the process that runs now, whenever it comes.
            running.process, running.started, running.life = fresh.process, fresh.started, fresh.life
            running.output, running.last_lines = fresh.output, fresh.last_lines
            self._on_event(Event("started", part.name, running.process.pid))
            ready = asyncio.ensure_future(_until_ready(part, running.life))
            ended = asyncio.ensure_future(running.process.wait())
            try:
                await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                ready.cancel()
                ended.cancel()
            if running.process.returncode is None:
                self._on_event(Event("back", part.name, running.process.pid, seconds=time.monotonic() - died))

    async def _end(self, running: _Running) -> None:
        process, part = running.process, running.part
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), part.stop_within_s)
            except TimeoutError:
                self._on_event(Event("killed", part.name, process.pid, seconds=part.stop_within_s))
                _signal_group(process, signal.SIGKILL)
                await process.wait()
        _signal_group(process, signal.SIGKILL)
        try:
            await asyncio.wait_for(asyncio.shield(running.output), 1.0)
        except TimeoutError:  # somebody else holds the pipe open
            running.output.cancel()
        self._on_event(Event("stopped", part.name, process.pid, process.returncode or 0))


@contextlib.contextmanager
def asked_to_stop(supervisor: Supervisor, say: Callable[[str], None]) -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM and a closed terminal set; asked twice, everything is killed at once."""
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            supervisor.kill()
            return
        asked.set()
        say("ending everything in order; once more ends it at once")

    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, ask)
    try:
        yield asked
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _until_ready(part: Part, life: str) -> None:
    while True:
        try:
            if await part.ready(life):
                return
        except OSError:
            pass
        await asyncio.sleep(POLL_S)


def _signal_group(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def _said(running: _Running) -> str:
    """The last thing that a child wrote, where that may explain its end."""
    return f"It said: {running.last_lines[-1]}" if running.last_lines else ""


async def _quietly(task: asyncio.Task[None]) -> None:
    with contextlib.suppress(asyncio.CancelledError, TimeoutError):
        await asyncio.wait_for(asyncio.shield(task), 1.0)
