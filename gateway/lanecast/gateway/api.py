"""The HTTP API. The page: `docs/protocol/http.md`."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, PlainTextResponse, Response

from lanecast.broker import columns, flow, keys, lag, runs, wire
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import Lane
from lanecast.broker.tiers import SERVED
from lanecast.broker.wire import Message
from lanecast.gateway import access, ingest, intake, models, newest
from lanecast.gateway.access import Identity
from lanecast.gateway.cameras import Cameras
from lanecast.gateway.commanding import UnknownRunRefused, allow_command, carry_out
from lanecast.gateway.errors import Refused, TokenMissing
from lanecast.gateway.hub import Hub
from lanecast.gateway.operating import Operating
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.stats import prometheus
from lanecast.gateway.throttle import Throttle, Wait

COMMAND_BODY_BYTES: Final = 64 * 1024


class BodyTooLarge(Refused):
    """The body is over the limit; it was not read to its end."""

    status = 413
    code = "too_large"


class WrongType(Refused):
    """Neither JSON nor MessagePack."""

    status = 415
    code = "content_type"


class Api:
    """The routes, bound to one gateway's hub."""

    def __init__(self, settings: GatewaySettings, hub: Hub) -> None:
        self._settings = settings
        self._hub = hub
        self._throttle = self.throttle = Throttle(settings.ingest_per_s, settings.ingest_per_producer_s)
        self.router = router = APIRouter(responses=models.ERRORS)
        ok, takes = models.ok, models.body
        router.get("/api/runs", responses=ok(models.Runs))(self.list_runs)
        router.get("/api/runs/{run}", responses=ok(models.Info))(self.get_run)
        router.get("/api/runs/{run}/scene")(self.get_scene)
        router.get("/api/runs/{run}/snapshot", responses=ok(models.Snapshot))(self.get_snapshot)
        router.get("/api/runs/{run}/params", responses=ok(models.Params))(self.get_params)
        router.patch(
            "/api/runs/{run}/params",
            responses=ok(models.CommandResult),
            openapi_extra=takes(models.ParamsChange),
        )(self.patch_params)
        router.post(
            "/api/runs/{run}/commands",
            responses=ok(models.CommandResult),
            openapi_extra=takes(models.CommandRequest),
        )(self.post_command)
        router.post(
            "/api/runs/{run}/ingest",
            status_code=202,
            responses=ok(models.Accepted, 202),
            openapi_extra=takes(models.IngestMessage, many=True),
        )(self.post_ingest)
        router.post(
            "/api/runs/{run}/producers",
            responses=ok(models.Producer),
            openapi_extra=takes(models.ProducerRequest),
        )(self.post_producer)
        for path in ("/api/lag", "/api/stats/lag"):
            router.get(path, responses=ok(models.LagRows))(self.get_lag)
        router.get("/api/stats")(self.get_stats)
        router.include_router(Operating(settings, hub, self._identify).router)
        router.get("/metrics")(self.get_metrics)
        router.get("/healthz")(self.get_health)
        router.get("/readyz")(self.get_ready)

        router.include_router(Cameras(hub, self._identify).router)

    # --- runs ---

    async def list_runs(self, request: Request) -> Response:
        """Info of every run that the caller may see."""
        identity = self._identify(request, access.WATCH)
        infos = await runs.listing(self._hub.client)
        return JSONResponse({"runs": [info.to_dict() for info in infos if identity.sees(info.id)]})

    async def get_run(self, request: Request, run: str) -> Response:
        """Info of one run."""
        self._identify(request, access.WATCH, run)
        info = await runs.get(self._hub.client, run)
        if info is None:
            raise UnknownRunRefused(f"run {run!r} is not registered", "run")
        return JSONResponse(info.to_dict())

    async def get_scene(self, request: Request, run: str, v: str | None = None) -> Response:
        """The run's scene, as MessagePack or JSON; for ever the same under its version."""
        self._identify(request, access.WATCH, run)
        version, data = await self._hub.client.hmget(keys.scene(run), "version", "data")
        if version is None or data is None:
            raise UnknownRunRefused(f"run {run!r} has no scene", "run")
        name = version.decode()
        as_json = "application/json" in request.headers.get("accept", "")
        etag = f'"{name}{".json" if as_json else ""}"'
        lasting = "private, max-age=31536000, immutable" if v == name else "no-cache"
        headers = {"ETag": etag, "Cache-Control": lasting, "Vary": "Accept"}
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if as_json:
            data = await asyncio.to_thread(_scene_as_json, data)
        return Response(data, media_type="application/json" if as_json else "application/msgpack", headers=headers)

    async def get_snapshot(self, request: Request, run: str, tier: str = SERVED[-1], layers: str = "") -> Response:
        """The newest state, decoded: of this tier, and only `layers` (separated by commas) if they are named."""
        self._identify(request, access.WATCH, run)
        if tier not in SERVED:
            raise InvalidMessage("tier", f"{tier!r:.60} is not one of {', '.join(SERVED)}")
        wanted = frozenset(name for name in layers.split(",") if name) or None
        state = await newest.state(self._hub, run, tier, wanted)
        if "msgpack" in request.headers.get("accept", ""):
            return Response(await asyncio.to_thread(wire.encode, state), media_type="application/msgpack")
        text = await asyncio.to_thread(msgspec.json.encode, state)
        return Response(text, media_type="application/json", headers={"Cache-Control": "no-store"})

    async def get_params(self, request: Request, run: str) -> Response:
        """The run's parameters, with the values that the simulation has confirmed."""
        self._identify(request, access.WATCH, run)
        info = await runs.get(self._hub.client, run)
        if info is None:
            raise UnknownRunRefused(f"run {run!r} is not registered", "run")
        known = info.to_dict()
        values = known["control"].get("params", {})
        return JSONResponse(
            {
                "params": {
                    name: {**spec, "value": values.get(name, spec["value"])} for name, spec in known["params"].items()
                }
            }
        )

    async def patch_params(self, request: Request, run: str) -> Response:
        """Set parameters, and wait until the simulation has: short for the command `set_params`."""
        identity = self._identify(request, access.COMMAND, run)
        raw = wire.decode(await _body(request, COMMAND_BODY_BYTES), _encoding(request))
        if not isinstance(raw, Mapping) or not isinstance(raw.get("params"), Mapping):
            raise InvalidMessage("params", "expected {params: {NAME: value}}")
        command = {"name": "set_params", "args": {"params": raw["params"]}, "command_id": raw.get("command_id")}
        return await self._command(identity, run, command)

    async def post_command(self, request: Request, run: str) -> Response:
        """Send a command, and wait for its result."""
        identity = self._identify(request, access.COMMAND, run)
        enc = _encoding(request)
        raw = wire.decode(await _body(request, COMMAND_BODY_BYTES), enc)
        if not isinstance(raw, Mapping):
            raise InvalidMessage("message", f"expected a map with name and args, got {type(raw).__name__}")
        return await self._command(identity, run, raw)

    async def _command(self, identity: Identity, run: str, raw: Mapping[str, Any]) -> Response:
        given = raw.get("command_id")
        command_id = f"http-{secrets.token_hex(8)}" if given is None else keys.check_id(given, "command_id")
        outcome = await carry_out(
            self._hub, identity.user, run, command_id, str(raw.get("name")), raw.get("args"),
            self._settings.command_timeout_s,
        )  # fmt: skip
        outcome = outcome or {}
        return JSONResponse(
            {
                "command_id": command_id,
                "name": outcome.get("name") or raw.get("name"),
                "ok": bool(outcome.get("ok")),
                "error": outcome.get("error"),
                "field": outcome.get("field"),
            }
        )

    # --- publishing ---

    async def post_producer(self, request: Request, run: str) -> Response:
        """Register a producer that numbers its messages: gives it the next epoch."""
        self._identify(request, access.INGEST, run)
        raw = wire.decode(await _body(request, COMMAND_BODY_BYTES), _encoding(request))
        producer = keys.check_id(raw.get("producer") if isinstance(raw, Mapping) else None, "producer")
        await self._hub.client.sadd(keys.RUNS, run)
        epoch = await self._hub.client.hincrby(keys.producers(run), producer, 1)
        return JSONResponse({"producer": producer, "epoch": epoch})

    async def post_ingest(self, request: Request, run: str) -> Response:
        """Publish one message or several."""
        self._identify(request, access.INGEST, run)
        enc = _encoding(request)
        body = await _body(request, ingest.MAX_BODY_BYTES)
        items = ingest.read_body(body, enc)
        wait = await self._throttled(run, items)
        if wait is not None:
            self._hub.stats.rejected[f"ingest_{wait.status}"] += 1
            error: dict[str, Any] = {"field": None, "message": wait.reason, "status": wait.status}
            return JSONResponse({"error": error, "accepted": 0}, 429, {"Retry-After": wait.retry_after})
        batches = list(ingest.batches(items))
        taken = await intake.take(self._hub.client, run, batches)
        self._hub.stats.ingested.update(message.kind for _, message in items[: taken.accepted])
        if taken.stopped is None:
            return JSONResponse({"accepted": taken.accepted}, 202)
        status, number = taken.stopped.status, taken.stopped.seq
        self._hub.stats.rejected[f"ingest_{status}"] += 1
        text = {
            "gap": f"messages are missing before this one: go on from number {number}",
            "fenced": f"epoch {number} of this producer exists: stop",
            "full": "the lane is full: send the rest later",
        }[status]
        error = {"field": "epoch" if status == "fenced" else "seq", "message": text, "index": taken.accepted}
        return JSONResponse(
            {"error": {**error, "status": status, "seq": number}, "accepted": taken.accepted},
            503 if status == "full" else 409,
            {"Retry-After": "1"} if status == "full" else None,
        )

    async def _throttled(self, run: str, items: list[tuple[Lane, Message]]) -> Wait | None:
        now = time.monotonic()
        if not self._throttle.knows_flow(run, now):
            self._throttle.tell_flow(run, flow.from_fields(await self._hub.client.hgetall(keys.flow(run))), now)
        return self._throttle.admit(run, items, now)

    # --- operating ---

    async def get_lag(self, request: Request) -> Response:
        """Lag of every reader of every run that the caller may see."""
        identity = self._identify(request, access.WATCH)
        names = [run for run in await runs.registered(self._hub.client) if identity.sees(run)]
        return JSONResponse({"lag": [row.to_dict() for row in await lag.of_runs(self._hub.client, names)]})

    async def get_stats(self, request: Request) -> Response:
        """What this process has done, and what its runs' workers have counted."""
        identity = self._identify(request, access.WATCH)
        hub = self._hub
        names = [run for run in await runs.registered(hub.client) if identity.sees(run)]
        async with hub.client.pipeline(transaction=False) as pipe:
            for run in names:
                pipe.hgetall(keys.counts(run))
            counts = await pipe.execute()
        watched: dict[str, dict[str, int]] = {}
        for run, tier, viewers in hub.subscriptions():
            if identity.sees(run):
                watched.setdefault(run, {})[tier] = viewers
        return JSONResponse(
            {
                "node": self._settings.node,
                "writer": hub.writer.name,
                "viewers": len(hub.viewers),
                **hub.stats.to_dict(),
                "runs": {
                    run: {"tiers": watched.get(run, {}), "counts": {name.decode(): int(n) for name, n in rows.items()}}
                    for run, rows in zip(names, counts, strict=True)
                },
            }
        )

    async def get_metrics(self, request: Request) -> Response:
        """The same numbers for Prometheus."""
        identity = self._identify(request, access.WATCH)
        hub = self._hub
        lags: list[lag.Lag] = []
        with contextlib.suppress(*TRANSIENT):  # the other figures are told even while Redis is away
            names = [run for run in await runs.registered(hub.client) if identity.sees(run)]
            lags = await lag.of_runs(hub.client, names)
        text = prometheus(
            hub.stats,
            node=self._settings.node,
            up=hub.online,
            viewers=len(hub.viewers),
            runs=len(hub.feeds),
            subscriptions=[row for row in hub.subscriptions() if identity.sees(row[0])],
            lags=lags,
        )
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def get_health(self) -> Response:
        """The process runs."""
        return JSONResponse({"ok": True, "node": self._settings.node})

    async def get_ready(self) -> Response:
        """It can serve viewers: Redis answers."""
        if self._hub.online:
            return JSONResponse({"ready": True})
        # Anybody may ask: where there is a secret, details such as Redis's address are for the log only.
        details = f": {self._hub.trouble}" if self._settings.secret is None else ""
        return JSONResponse({"ready": False, "reason": f"Redis does not answer{details}"}, 503)

    def _identify(self, request: Request, right: str, run: str | None = None) -> Identity:
        identity = identify(request.headers.get("authorization"), self._settings)
        if identity is None:
            raise TokenMissing("send a token as Authorization: Bearer", "authorization")
        if run is not None:
            keys.check_id(run)
        if right == access.COMMAND and run is not None:
            allow_command(identity, run, None)
        else:
            identity.require(right, run)
        return identity


def identify(authorization: str | None, settings: GatewaySettings) -> Identity | None:
    """Who sends this Authorization header; None: nobody says.

    Raises:
        TokenInvalid, TokenExpired: what it says is not true.
    """
    if settings.key is None:
        return access.LOCAL_ADMIN
    token = access.bearer(authorization)
    return None if token is None else access.read_token(token, settings.key)


def error_response(error: InvalidMessage | Refused) -> JSONResponse:
    """How a refusal looks: `{"error": {"field", "message", "index"?}}`."""
    if isinstance(error, Refused):
        body: dict[str, Any] = {"field": error.field, "message": error.message}
        headers = {"WWW-Authenticate": "Bearer"} if error.status == 401 else None
        if error.status == 413:  # the rest of the body will not be read
            headers = {"Connection": "close"}
        return JSONResponse({"error": body}, error.status, headers)
    body = {"field": error.field, "message": error.problem}
    if isinstance(error, ingest.InvalidItem) and error.index is not None:
        body["index"] = error.index
    status = 413 if error.cause == TooLarge.cause and error.field == "data" else 422
    return JSONResponse({"error": body}, status)


async def _body(request: Request, limit: int) -> bytes:
    announced = request.headers.get("content-length", "0")
    size = int(announced) if announced.isdigit() else 0
    chunks: list[bytes] = []
    if size <= limit:
        size = 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                break
            chunks.append(chunk)
    if size > limit:
        raise BodyTooLarge(f"{size:,} bytes or more, the limit is {limit:,}", "body")
    return b"".join(chunks)


def _encoding(request: Request) -> str:
    given = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    enc = ingest.ENCODINGS.get(given)
    if enc is None:
        raise WrongType(f"{given[:60]!r} is neither application/json nor application/msgpack", "content-type")
    return enc


def _scene_as_json(data: bytes) -> bytes:
    return msgspec.json.encode(_untyped(msgspec.msgpack.decode(data)))


def _untyped(value: Any) -> Any:
    if isinstance(value, dict):
        if value.keys() == {"dtype", "data"}:
            return columns.untyped(value, "scene").tolist()
        return {name: _untyped(item) for name, item in value.items()}
    return value
