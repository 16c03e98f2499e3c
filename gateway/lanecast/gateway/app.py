"""The application: HTTP API, dashboard, and the WebSocket handshake, in one ASGI app."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final

import redis
import structlog
from fastapi import FastAPI, Request, WebSocket
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from lanecast.broker import keys
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import InvalidMessage
from lanecast.gateway import access, docs_page, handover, outbound
from lanecast.gateway.api import Api, error_response, identify
from lanecast.gateway.commanding import Unanswered
from lanecast.gateway.dashboard import Dashboard
from lanecast.gateway.errors import Refused
from lanecast.gateway.gate import Gate
from lanecast.gateway.hub import Hub
from lanecast.gateway.ingest_link import IngestLink
from lanecast.gateway.ingesting import Desk
from lanecast.gateway.session import Sessions
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.stats import Stats
from lanecast.gateway.viewer import Viewer

INGEST_V1: Final = "lanecast.ingest.v1"

log = structlog.get_logger()


def build(settings: GatewaySettings) -> FastAPI:
    """The ASGI application of one gateway; nothing is connected before its lifespan starts."""
    stats = Stats()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        hub = Hub(settings, stats)
        sessions = Sessions(settings, hub)
        api = Api(settings, hub)
        app.include_router(api.router)
        app.state.sessions = sessions
        app.state.desk = lambda run: Desk(hub, api.throttle, run)
        app.mount("/", Dashboard(settings.web_root))
        hub.start()
        hub.spawn(sessions.look_after())
        yield
        await hub.stop()

    app = FastAPI(
        title="Lanecast gateway", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url="/openapi.json"
    )
    if settings.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.origins),
            allow_methods=["GET", "POST", "PATCH", "DELETE"],
            allow_headers=["authorization", "content-type"],
        )
    app.add_middleware(Gate, settings=settings, stats=stats)
    _handle_errors(app, stats)
    _add_sockets(app, settings)
    _add_ingest(app, settings)
    docs_page.add(app)
    return app


def _handle_errors(app: FastAPI, stats: Stats) -> None:
    async def refused(_: Request, error: Exception) -> Response:
        if not isinstance(error, InvalidMessage | Refused):  # which Starlette's types cannot say
            raise error
        stats.rejected[error.cause if isinstance(error, InvalidMessage) else error.code] += 1
        return error_response(error)

    async def away(_: Request, error: Exception) -> Response:
        stats.rejected["unavailable"] += 1
        message = "Redis does not answer; try again"
        if isinstance(error, redis.ResponseError) and not isinstance(error, TRANSIENT):
            log.error("redis_refuses", error=str(error))
            message = f"Redis refuses: {error}"
        return JSONResponse({"error": {"field": None, "message": message}}, 503, {"Retry-After": "1"})

    async def unanswered(_: Request, error: Exception) -> Response:
        return JSONResponse({"error": {"field": None, "message": str(error)}}, 504)

    async def other(_: Request, error: Exception) -> Response:
        status, text = (error.status_code, error.detail) if isinstance(error, HTTPException) else (500, "")
        return JSONResponse({"error": {"field": None, "message": text}}, status)

    app.add_exception_handler(HTTPException, other)
    app.add_exception_handler(InvalidMessage, refused)
    app.add_exception_handler(Refused, refused)
    app.add_exception_handler(Unanswered, unanswered)
    for kind in (*TRANSIENT, redis.ResponseError):
        app.add_exception_handler(kind, away)


def _add_sockets(app: FastAPI, settings: GatewaySettings) -> None:
    async def connect(socket: WebSocket, run: str | None = None) -> None:
        sessions: Sessions = socket.app.state.sessions
        protocol = outbound.choose_subprotocol(list(socket.scope.get("subprotocols", ())))
        try:
            identity = identify(socket.headers.get("authorization"), settings)
            if run is not None:
                keys.check_id(run)
            if protocol is None:
                raise Refused(f"none of the offered subprotocols is one of {', '.join(outbound.SUBPROTOCOLS)}")
        except (InvalidMessage, Refused) as error:
            await socket.send_denial_response(error_response(error))
            return
        if sessions.full:
            message = f"this gateway has its {settings.max_viewers:,} viewers; try another or later"
            body = {"error": {"field": None, "message": message}}
            await socket.send_denial_response(JSONResponse(body, 503, {"Retry-After": "2"}))
            return
        offered = socket.scope.get("subprotocols")
        # From the answer to the hand-over nothing is awaited that could let the loop run.
        await socket.accept(subprotocol=protocol if offered else None)
        client = socket.client
        # A load balancer tells no port.
        address = "?" if client is None else f"{client.host}:{client.port}" if client.port else client.host

        def make(transport: Any, connections: set[Any]) -> Viewer:
            prepare(transport, settings)
            return Viewer(transport, sessions, protocol, address, connections)

        with contextlib.suppress(ConnectionError):
            viewer = socket.scope["extensions"][handover.EXTENSION](make)
            sessions.opened(viewer, identity, run)

    app.add_api_websocket_route("/ws", connect)
    app.add_api_websocket_route("/ws/{run}", connect)


def _add_ingest(app: FastAPI, settings: GatewaySettings) -> None:
    async def publish(socket: WebSocket, run: str) -> None:
        try:
            identity = identify(socket.headers.get("authorization"), settings)
            keys.check_id(run)
            if identity is not None:
                identity.require(access.INGEST, run)
        except (InvalidMessage, Refused) as error:
            await socket.send_denial_response(error_response(error))
            return
        offered = INGEST_V1 in socket.scope.get("subprotocols", ())
        await socket.accept(subprotocol=INGEST_V1 if offered else None)

        def make(transport: Any, connections: set[Any]) -> IngestLink:
            return IngestLink(transport, connections, socket.app.state.desk(run), identity, settings.key)

        with contextlib.suppress(ConnectionError):
            socket.scope["extensions"][handover.EXTENSION](make).begin()

    app.add_api_websocket_route("/ws/ingest/{run}", publish)


def prepare(transport: Any, settings: GatewaySettings) -> None:
    """Bound what may wait in the kernel and in the transport: large buffers hide slowness."""
    import socket

    raw = transport.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, settings.sndbuf_bytes)
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport.set_write_buffer_limits(high=settings.backlog_bytes, low=0)
