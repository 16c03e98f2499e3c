"""What every request passes before anything else looks at it: Host, Origin, no token in the URL, safe headers."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lanecast.gateway import access
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.stats import Stats

CSP: Final = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self' ws: wss:; img-src 'self' data: blob:"
)
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Gate:
    """ASGI middleware; HTTP requests and WebSocket handshakes alike."""

    def __init__(self, app: ASGIApp, settings: GatewaySettings, stats: Stats) -> None:
        self._app = app
        self._origins = frozenset(settings.origins)
        self._hosts = frozenset((*settings.hosts, settings.host.lower()))
        self._check_host = settings.secret is None
        self._stats = stats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request pass, or answer it."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            status, cause, field, message = refusal
            self._stats.rejected[cause] += 1
            await JSONResponse({"error": {"field": field, "message": message}}, status)(scope, receive, send)
            return

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("Content-Security-Policy", CSP)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "no-referrer")
            await send(message)

        await self._app(scope, receive, send_safely)

    def _refusal(self, scope: Scope) -> tuple[int, str, str, str] | None:
        headers = Headers(scope=scope)
        host, origin = headers.get("host"), headers.get("origin")
        if self._check_host and not access.host_allowed(host, self._hosts):
            return 421, "host", "host", f"{str(host)[:80]!r} is not this gateway; name it in LANECAST_HOSTS if it is"
        name = access.token_in_query(scope.get("query_string", b""))
        if name is not None:
            return (
                400,
                "token_in_url",
                name,
                "a token in a URL ends up in logs: send it as Authorization: Bearer, or as `auth`",
            )
        checked = scope["type"] == "websocket" or scope["method"] not in _SAFE
        if checked and not access.origin_allowed(origin, host, self._origins):
            return 403, "origin", "origin", f"{str(origin)[:80]!r} may not talk to this gateway; see LANECAST_ORIGINS"
        return None
