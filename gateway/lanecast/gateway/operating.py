"""The part of the HTTP API that operators look at: what is going on, who is connected, what waits, what is limited."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lanecast.broker import flow, keys, lag, runs
from lanecast.broker.lanes import LANES
from lanecast.gateway import access, models
from lanecast.gateway.access import Identity
from lanecast.gateway.errors import Refused
from lanecast.gateway.hub import Hub
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.viewer import Viewer

KICKED: int = 4411

Identify = Callable[..., Identity]


class UnknownClient(Refused):
    """No viewer of this node has this id."""

    status = 404
    code = "unknown_client"


class Operating:
    """The routes, bound to one gateway's hub; `identify` is the API's."""

    def __init__(self, settings: GatewaySettings, hub: Hub, identify: Identify) -> None:
        self._settings = settings
        self._hub = hub
        self._identify = identify
        self.router = router = APIRouter(tags=["operating"], responses=models.ERRORS)
        router.get("/api/stats/realtime", responses=models.ok(models.Realtime))(self.get_realtime)
        router.get("/api/stats/connections", responses=models.ok(models.Connections))(self.get_connections)
        router.get("/api/stats/clients", responses=models.ok(models.Clients))(self.get_clients)
        router.get("/api/stats/queues", responses=models.ok(models.Queues))(self.get_queues)
        router.get("/api/stats/quality", responses=models.ok(models.Quality))(self.get_quality)
        router.delete("/api/clients/{client}", status_code=204)(self.delete_client)

    async def get_realtime(self, request: Request) -> Response:
        """This node's totals, and its rates since it was last asked here, a second ago or more."""
        self._identify(request, access.WATCH)
        hub = self._hub
        return JSONResponse(
            {
                "node": hub.node,
                "redis": hub.online,
                "viewers": len(hub.viewers),
                "runs": len(hub.feeds),
                **hub.stats.to_dict(),
                "per_s": hub.stats.rates(time.monotonic()),
            }
        )

    async def get_connections(self, request: Request) -> Response:
        """How many viewers watch what, by protocol, role, run and tier."""
        identity = self._identify(request, access.WATCH)
        viewers = list(self._hub.viewers)
        protocols: dict[str, int] = {}
        roles: dict[str, int] = {}
        for viewer in viewers:
            protocols[viewer.protocol] = protocols.get(viewer.protocol, 0) + 1
            role = viewer.identity.role if viewer.identity else "unknown"
            roles[role] = roles.get(role, 0) + 1
        watched: dict[str, dict[str, int]] = {}
        for run, tier, count in self._hub.subscriptions():
            if identity.sees(run):
                watched.setdefault(run, {})[tier] = count
        return JSONResponse(
            {
                "node": self._hub.node,
                "viewers": len(viewers),
                "limit": self._settings.max_viewers,
                "protocols": protocols,
                "roles": roles,
                "runs": watched,
                "closed": dict(self._hub.stats.closed),
            }
        )

    async def get_clients(self, request: Request) -> Response:
        """Every viewer of this node, with what was measured of its connection. Admins only."""
        self._identify(request, access.MANAGE)
        now_s = time.monotonic()
        return JSONResponse({"node": self._hub.node, "clients": [_client(v, now_s) for v in self._hub.viewers]})

    async def delete_client(self, request: Request, client: str) -> Response:
        """Close a viewer's connection, with 4411: it is not to come back by itself. Admins only, of this node."""
        self._identify(request, access.MANAGE)
        for viewer in list(self._hub.viewers):
            if viewer.number == client:
                viewer.close(KICKED, "closed by an operator")
                return Response(status_code=204)
        raise UnknownClient(f"no viewer of node {self._hub.node} has the id {client[:40]!r}", "client")

    async def get_queues(self, request: Request) -> Response:
        """Of every run: entries in its lanes, what readers have still to read, and its flow state."""
        identity = self._identify(request, access.WATCH)
        client = self._hub.client
        names = [run for run in await runs.registered(client) if identity.sees(run)]
        async with client.pipeline(transaction=False) as pipe:
            for run in names:
                for lane in LANES:
                    pipe.xlen(keys.lane(run, lane))
                pipe.xlen(keys.dead(run))
                pipe.hgetall(keys.flow(run))
            replies = await pipe.execute()
        width = len(LANES) + 2
        rows: dict[str, Any] = {}
        lags = await lag.of_runs(client, names)
        for place, run in enumerate(names):
            *lanes, dead, limited = replies[place * width : (place + 1) * width]
            state = flow.from_fields(limited)
            rows[run] = {
                "lanes": dict(zip(LANES, lanes, strict=True)),
                "dead": dead,
                "flow": {"state": state.state, "max_rate_hz": state.max_rate_hz, "reason": state.reason},
                "readers": [row.to_dict() for row in lags if row.run == run],
            }
        return JSONResponse({"runs": rows})

    async def get_quality(self, request: Request) -> Response:
        """Of every run that is watched here: the run's own limits, tiers with their bytes per second, and changes."""
        identity = self._identify(request, access.WATCH)
        found: dict[str, Any] = {}
        for feed in self._hub.feeds.values():
            if not identity.sees(feed.run):
                continue
            info = {} if feed.info is None else feed.info.to_dict()
            found[feed.run] = {
                "quality": info.get("quality"),
                "tiers": {
                    name: {
                        "viewers": tier.viewers,
                        "bytes_per_s": None if tier.meter.per_s is None else round(tier.meter.per_s),
                        "age_ms": round(tier.age_s * 1000, 1),
                    }
                    for name, tier in feed.tiers.items()
                },
                "auto": sum(sub.auto for sub in feed.subs),
                "behind": sum(sub.viewer.blocked for sub in feed.subs),
            }
        return JSONResponse({"node": self._hub.node, "changed": dict(self._hub.stats.changed), "runs": found})


def _client(viewer: Viewer, now_s: float) -> dict[str, Any]:
    identity, link = viewer.identity, viewer.link
    return {
        "id": viewer.number,
        "address": viewer.address,
        "user": identity.user if identity else None,
        "role": identity.role if identity else None,
        "protocol": viewer.protocol,
        "connected_s": round(now_s - viewer.opened_s, 3),
        "sent_bytes": viewer.sent_bytes,
        "waiting_bytes": viewer.waiting_bytes,
        "drops": viewer.drops,
        "mistakes": viewer.mistakes,
        "behind": viewer.blocked,
        "freshness_ms": round(viewer.budget_s * 1000),
        "rtt_ms": round(viewer.rtt_s * 1000, 1) if viewer.rtt_s else None,
        "limit_bytes_per_s": None if link is None or link.limit is None else round(link.limit),
        "proven_bytes_per_s": None if link is None else round(link.proven(now_s)),
        "runs": {
            run: {
                "tier": sub.tier.tier,
                "auto": sub.auto,
                "changes": sub.changes,
                "layers": None if sub.layers is None else sorted(sub.layers),
                "fps": sub.fps,
            }
            for run, sub in viewer.subs.items()
        },
    }
