"""The thread that hears a run's commands, and says every second that somebody does.

No command is missed after a lost connection (the cursor is ours), and none is done twice (`Steering` knows their
ids). Commands from before the simulation began are not its own and are not read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from lanecast.broker import commands, keys, register, scripts
from lanecast.broker.backoff import Backoff
from lanecast.broker.commands import Command
from lanecast.broker.connect import BLOCK_MS
from lanecast.broker.errors import InvalidMessage
from lanecast.producer.link import AWAY, Link

ALIVE_MS: Final = 3_000

log = structlog.get_logger()


class Listener:
    """Reads `lc:{run}:ctl` and hands each command to `handle(command, now_ms)` on its own thread."""

    def __init__(self, run: str, producer: str, url: str, handle: Callable[[Command, float], None]) -> None:
        self._run = run
        self._producer = producer
        self._handle = handle
        self._link = Link(url)
        self._cursor: bytes | None = None
        self._backoff = Backoff()
        self._closing = threading.Event()
        self._saying = threading.Lock()
        self._thread = threading.Thread(target=self._work, name=f"lanecast-listen-{run}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more commands and keep the run's `alive` key no longer; the thread ends within a second."""
        self._closing.set()
        # The key may be deleted now: wait for a SET that is under way, but not for a server that hangs.
        if self._saying.acquire(timeout=0.2):
            self._saying.release()

    def _work(self) -> None:
        while not self._closing.is_set():
            try:
                self._round(self._link.client())
                self._backoff.reset()
            except AWAY:  # the publisher tells the user
                self._link.drop()
                self._closing.wait(self._backoff.next_s())
            except Exception:  # whatever a command does, the next one is heard
                log.exception("listening_failed", run=self._run)
                self._closing.wait(self._backoff.next_s())
        self._link.drop()

    def _round(self, client: Any) -> None:
        newest = client.xrevrange(keys.control(self._run), count=1)
        last: bytes = newest[0][0] if newest else b"0-0"
        if self._cursor is None:
            self._cursor = last
        elif _order(last) < _order(self._cursor):
            # The server came back with less than it had. What is read again is known by its id, or has expired.
            log.warning("commands_rolled_back", run=self._run, cursor=self._cursor.decode(), last=last.decode())
            self._cursor = b"0-0"
        with self._saying:  # only now that the cursor stands: whoever sees the key may send at once
            if self._closing.is_set():
                return
            scripts.run_sync(client, register.alive(self._run, self._producer, ALIVE_MS))
        reply: Any = client.xread({keys.control(self._run): self._cursor}, count=100, block=BLOCK_MS)
        for _, entries in reply or ():
            for entry_id, fields in entries:
                if self._closing.is_set():
                    return
                self._cursor = entry_id
                try:
                    command = commands.from_fields(fields)
                except InvalidMessage as error:
                    log.warning("command_not_understood", run=self._run, id=entry_id.decode(), error=str(error))
                    continue
                self._handle(command, time.time() * 1000)


def _order(entry_id: bytes) -> tuple[int, int]:
    ms, _, n = entry_id.partition(b"-")
    return int(ms), int(n)
