"""How many viewers a run has, as the gateways say it in the run's demand stream; and what a gateway has delivered.

A thread looks once a second, so that a simulation's own thread never asks a server.
"""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any, Final

from lanecast.broker import keys
from lanecast.broker.connect import TRANSIENT, connect_sync
from lanecast.broker.demand import TTL_S, from_fields
from lanecast.broker.errors import InvalidMessage

LOOK_S: Final = 1.0
NEWEST: Final = 256
ANSWER_S: Final = 2.0

Entry = tuple[bytes, Mapping[bytes, bytes]]


def count_viewers(entries: Iterable[Entry], now_ms: float) -> int:
    """Viewers now, from demand entries (newest first): each node's last word on each tier, if it is fresh. Pure."""
    newest: dict[tuple[str, str], int] = {}
    for id_, fields in entries:
        if int(id_.split(b"-")[0]) < now_ms - TTL_S * 1000:
            break
        with contextlib.suppress(InvalidMessage):
            demand = from_fields(fields)
            if not demand.images:
                newest.setdefault((demand.node, demand.tier), demand.viewers)
    return sum(newest.values())


class Audience:
    """Looks once a second from `start` to `stop`; while nothing is known yet, or Redis is away, `viewers` is None."""

    def __init__(self, run: str, redis_url: str, gateway_url: str = "") -> None:
        self.viewers: int | None = None
        self.delivered: dict[str, Any] = {}
        self._run, self._redis_url, self._gateway_url = run, redis_url, gateway_url
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, name=f"lanecast-audience-{run}", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; waits for an answer that is under way."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(ANSWER_S + 1)

    def _look(self) -> None:
        client = connect_sync(self._redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        with contextlib.closing(client):
            while True:
                try:
                    seconds, micros = client.time()
                    entries = client.xrevrange(keys.demand(self._run), count=NEWEST)
                    self.viewers = count_viewers(entries, seconds * 1000 + micros / 1000)
                except TRANSIENT:
                    self.viewers = None
                if self._gateway_url:
                    self.delivered = _delivered(self._gateway_url) or self.delivered
                if self._ended.wait(LOOK_S):
                    return


def _delivered(url: str) -> dict[str, Any]:
    if not url.startswith(("http://", "https://")):
        return {}
    with contextlib.suppress(OSError, ValueError):
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{url}/api/stats/realtime", timeout=ANSWER_S) as answer:
            told = json.load(answer)
            return told if isinstance(told, dict) else {}
    return {}
