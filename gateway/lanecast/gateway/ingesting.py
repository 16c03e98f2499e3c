"""What a producer may ask over its WebSocket, done: register, publish, obey commands."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import redis
import structlog

from lanecast.broker import commands, flow, keys, offsets
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import LANES
from lanecast.gateway import ingest, intake
from lanecast.gateway.hub import Hub
from lanecast.gateway.throttle import Throttle

ALIVE_MS: Final = 3_000
POLL_S: Final = 0.05
RETRY_MS: Final = 50

Say = Callable[[dict[str, Any]], None]
log = structlog.get_logger()


class Desk:
    """One producer's dealings with one run."""

    def __init__(self, hub: Hub, throttle: Throttle, run: str) -> None:
        self.run = run
        self._hub = hub
        self._throttle = throttle
        self._obeying: asyncio.Task[None] | None = None

    def leave(self) -> None:
        """The producer has gone; its `alive` key runs out by itself, for it may be back in a moment."""
        if self._obeying is not None:
            self._obeying.cancel()

    async def handle(self, message: Mapping[str, Any], say: Say) -> dict[str, Any]:
        """Do what a message asks; its answer.

        Raises:
            InvalidMessage: with the field that is wrong; nothing of it was done.
        """
        kind = message.get("type")
        if kind == "publish":
            return await self._publish(message.get("messages"))
        if kind == "register":
            return await self._register(message, say)
        if kind == "ping":
            return {"type": "pong", "t": message.get("t"), "server_ms": time.time() * 1000}
        raise InvalidMessage("type", f"{kind!r:.60} is not one of auth, register, publish, ping")

    async def _register(self, message: Mapping[str, Any], say: Say) -> dict[str, Any]:
        producer = keys.check_id(message.get("producer"), "producer")
        given = message.get("epoch")
        client = self._hub.client
        await client.sadd(keys.RUNS, self.run)
        newest = int(await client.hget(keys.producers(self.run), producer) or 0)
        if given is None:
            newest = int(await client.hincrby(keys.producers(self.run), producer, 1))
        elif isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise InvalidMessage("epoch", f"expected the epoch of an earlier `registered`, got {given!r:.60}")
        elif given != newest:
            # 0: the server has come back empty. A new epoch is asked for without one.
            return {"type": "registered", "producer": producer, "status": "fenced", "epoch": newest, "acked": {}}
        acked = await self._acked(producer, newest)
        cursor = message.get("cursor")
        if message.get("commands"):
            cursor = await self._newest_command() if cursor is None else await self._place(cursor)
            self.leave()
            # Whoever commands once this is answered must not be told that nobody listens.
            await client.set(keys.alive(self.run), producer, px=ALIVE_MS)
            self._obeying = asyncio.create_task(self._obey(producer, cursor, say))
        return {
            "type": "registered", "producer": producer, "status": "ok", "epoch": newest, "acked": acked,
            "cursor": cursor,
        }  # fmt: skip

    async def _acked(self, producer: str, epoch: int) -> dict[str, int]:
        """Lane -> number of the last message that is there, of this epoch."""
        lanes = [lane.name for lane in LANES.values() if lane.lossless]
        texts = await self._hub.client.hmget(keys.sequences(self.run), [f"{producer}:{lane}" for lane in lanes])
        acked: dict[str, int] = {}
        for lane, text in zip(lanes, texts, strict=True):
            at, _, seq = (text or b"0:0").decode().partition(":")
            acked[lane] = int(seq) if int(at) == epoch else 0
        return acked

    # --- publishing ---

    async def _publish(self, raw: Any) -> dict[str, Any]:
        if not isinstance(raw, list) or not raw:
            raise InvalidMessage("messages", "expected a list of messages")
        if len(raw) > ingest.MAX_MESSAGES:
            raise TooLarge("messages", len(raw), ingest.MAX_MESSAGES, "messages")
        items = ingest.read_items(raw)
        now_s = time.monotonic()
        if not self._throttle.knows_flow(self.run, now_s):
            state = flow.from_fields(await self._hub.client.hgetall(keys.flow(self.run)))
            self._throttle.tell_flow(self.run, state, now_s)
        wait = self._throttle.admit(self.run, items, now_s)
        stats = self._hub.stats
        if wait is not None:
            stats.rejected[f"ingest_{wait.status}"] += 1
            return {
                "type": "ack", "status": wait.status, "accepted": 0, "seq": None,
                "retry_ms": round(wait.seconds * 1000), "message": wait.reason,
            }  # fmt: skip
        taken = await intake.take(self._hub.client, self.run, list(ingest.batches(items)))
        stats.ingested.update(message.kind for _, message in items[: taken.accepted])
        if taken.stopped is None:
            return {"type": "ack", "status": "ok", "accepted": taken.accepted, "seq": items[-1][1].seq or None}
        status = taken.stopped.status
        stats.rejected[f"ingest_{status}"] += 1
        answer = {"type": "ack", "status": status, "accepted": taken.accepted, "seq": taken.stopped.seq}
        return {**answer, "retry_ms": RETRY_MS} if status == "full" else answer

    # --- commands ---

    async def _place(self, cursor: Any) -> str:
        """Where to go on: there, unless the server has come back with less than it had; then from the first."""
        behind = offsets.parse(await self._newest_command()) < offsets.parse(cursor)
        return "0-0" if behind else str(offsets.parse(cursor))

    async def _newest_command(self) -> str:
        rows = await self._hub.client.xrevrange(keys.control(self.run), count=1)
        return rows[0][0].decode() if rows else "0-0"

    async def _obey(self, producer: str, cursor: str, say: Say) -> None:
        """Stand for the producer: say that it lives, and pass on the commands after `cursor`; until cancelled."""
        client, said_s, lost = self._hub.client, 0.0, False
        while True:
            try:
                if lost:
                    cursor, lost = await self._place(cursor), False
                if time.monotonic() - said_s >= ALIVE_MS / 3000:
                    await client.set(keys.alive(self.run), producer, px=ALIVE_MS)
                    said_s = time.monotonic()
                rows = await client.xrange(keys.control(self.run), f"({cursor}", count=100)
            except (*TRANSIENT, redis.ResponseError):
                lost = True
                await asyncio.sleep(1.0)
                continue
            for entry_id, fields in rows:
                cursor = entry_id.decode()
                with contextlib.suppress(InvalidMessage):  # nobody could be answered
                    command = commands.from_fields(fields)
                    expires_ms = command.expires_ms if command.expires_ms != float("inf") else None
                    say(
                        {
                            "type": "command", "cursor": cursor, "command_id": command.command_id,
                            "name": command.name, "args": command.args, "user": command.user,
                            "expires_ms": expires_ms,
                        }
                    )  # fmt: skip
            if not rows:
                await asyncio.sleep(POLL_S)
