"""What viewers ask for, and what they are told: one `Sessions` for all connections of this process."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from typing import Final

import redis
import structlog

from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import InvalidMessage
from lanecast.gateway import access, framing, inbound, outbound
from lanecast.gateway.commanding import Unanswered, allow_command, carry_out
from lanecast.gateway.errors import Forbidden, Refused, TokenMissing
from lanecast.gateway.hub import Hub
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.tuner import Tuner
from lanecast.gateway.viewer import Viewer

MISTAKES_MAX: Final = 20
UNDER_WAY_MAX: Final = 16
"""Commands of one connection that wait for Redis at the same time."""
SWEEP: Final = 256
LOOK_S: Final = 0.25
REFRESH_S: Final = 30.0
"""How long before its token ends a viewer is asked for another."""

log = structlog.get_logger()


class Sessions:
    """The owner of all viewers: admits them, answers them, looks after them."""

    def __init__(self, settings: GatewaySettings, hub: Hub) -> None:
        self.lossless_bytes = settings.lossless_bytes
        self.messages_per_s = settings.messages_per_s
        self.freshness_s = settings.freshness_ms / 1000
        self._settings = settings
        self._hub = hub
        self._stats = hub.stats
        self._tuner = Tuner(hub)
        self._users: Counter[str] = Counter()
        self._flood_said_s = 0.0
        self._limits = {
            "message_bytes": framing.MAX_MESSAGE_BYTES,
            "messages_per_s": settings.messages_per_s,
            "runs": settings.max_runs,
        }

    @property
    def full(self) -> bool:
        """Whether another viewer is one too many."""
        return len(self._hub.viewers) >= self._settings.max_viewers

    # --- coming and going ---

    def opened(self, viewer: Viewer, identity: access.Identity | None, run: str | None) -> None:
        """A connection has been handed over. `identity` None: its token is still to come."""
        self._hub.viewers[viewer] = None
        viewer.start_run = run
        self._welcome(viewer, identity)
        if identity is None:
            viewer.start_timer(self._settings.auth_timeout_s, lambda: viewer.close(4408, "no auth in time"))
        else:
            self._identified(viewer, identity)

    def closing(self, viewer: Viewer, code: int) -> None:
        """A viewer gets nothing more."""
        self._stats.closed[str(code)] += 1
        self._hub.leave(viewer)

    def gone(self, viewer: Viewer) -> None:
        """Its connection no longer exists."""
        self._tuner.forget(viewer)
        user = viewer.identity.user if viewer.identity else None
        if user is not None and self._settings.secret is not None:
            self._users[user] -= 1
            if self._users[user] <= 0:
                del self._users[user]

    def flooding(self, viewer: Viewer) -> None:
        """A viewer is closed because it sends too much."""
        self._stats.rejected["flood"] += 1
        now_s = time.monotonic()
        if now_s - self._flood_said_s >= 1.0:  # a stranger can cause it: one line a second says enough
            self._flood_said_s = now_s
            log.warning("viewer_floods", address=viewer.address, user=viewer.identity.user if viewer.identity else None)

    def _welcome(self, viewer: Viewer, identity: access.Identity | None) -> None:
        role = None if identity is None else identity.role
        auth = identity is None
        viewer.send(outbound.welcome(viewer.protocol, self._settings.node, role, auth=auth, limits=self._limits))

    def _identified(self, viewer: Viewer, identity: access.Identity) -> None:
        viewer.stop_timer()
        viewer.identity = identity
        if self._settings.secret is not None:
            self._users[identity.user] += 1
            if self._users[identity.user] > self._settings.max_per_user:
                viewer.close(4409, f"more than {self._settings.max_per_user} connections of one user")
                return
        run, viewer.start_run = viewer.start_run, None
        if run is not None:
            try:
                self._do(viewer, inbound.Subscribe(run))
            except Refused as error:
                self.refuse(viewer, error.code, error.message, error.field, run)

    @staticmethod
    def _look_at_token(viewer: Viewer, now_unix_s: float) -> None:
        """Ask for another token, once for each that comes to its end, and end the connection with it."""
        expires_s = None if viewer.identity is None else viewer.identity.expires_s
        if expires_s is None or viewer.closing:
            return
        if expires_s <= now_unix_s:
            viewer.close(4410, "the token has expired")
        elif expires_s - now_unix_s <= REFRESH_S and viewer.warned_of != expires_s:
            viewer.warned_of = expires_s
            viewer.send(outbound.refresh(round(expires_s - now_unix_s, 1)))

    # --- messages ---

    def received(self, viewer: Viewer, payload: bytes, *, text: bool) -> None:
        """A message has come."""
        run: str | None = None
        command_id: str | None = None
        try:
            if text is not viewer.text:
                kinds = ("text", "binary") if viewer.text else ("binary", "text")
                raise InvalidMessage("message", f"{viewer.protocol} takes {kinds[0]} messages, this one is {kinds[1]}")
            try:
                request = inbound.read(payload, text=text)
                run, command_id = getattr(request, "run", None), getattr(request, "command_id", None)
            except InvalidMessage:
                run, command_id = inbound.run_and_command(payload, text=text)
                raise
            if viewer.identity is None:
                self._authenticate(viewer, request)
            else:
                self._do(viewer, request)
        except InvalidMessage as error:
            self.refuse(viewer, error.cause, error.problem, error.field, run, command_id)
        except Refused as error:
            self.refuse(viewer, error.code, error.message, error.field, run, command_id)
            if error.close_code:
                viewer.close(error.close_code, error.message)

    def refuse(
        self,
        viewer: Viewer,
        code: str,
        message: str,
        field: str | None = None,
        run: str | None = None,
        command_id: str | None = None,
    ) -> None:
        """Answer with an error; who does not learn from twenty of them is closed."""
        self._stats.rejected[code] += 1
        viewer.send(outbound.error(code, message, field, run, command_id))
        viewer.mistakes += 1
        viewer.denied += code == Forbidden.code
        if viewer.mistakes >= MISTAKES_MAX:
            denied = viewer.denied * 2 > viewer.mistakes
            viewer.close(4403 if denied else 4400, f"{viewer.mistakes} messages were refused, the last: {message}")

    def _authenticate(self, viewer: Viewer, request: inbound.Request) -> None:
        key = self._settings.key
        if not isinstance(request, inbound.Auth) or key is None:
            raise TokenMissing("the first message must be `auth` with a token", "type")
        identity = access.read_token(request.token, key)
        self._welcome(viewer, identity)  # now that the role is known
        self._identified(viewer, identity)

    def _do(self, viewer: Viewer, request: inbound.Request) -> None:  # noqa: C901 - one case for each type of message
        identity = viewer.identity
        if identity is None or viewer.closing:
            return
        match request:
            case inbound.Subscribe(run):
                identity.require(access.WATCH, run)
                if run not in viewer.subs and len(viewer.subs) >= self._settings.max_runs:
                    raise Refused(f"one connection watches at most {self._settings.max_runs} runs", "run")
                self._hub.subscribe(viewer, request)
                budgets = [sub.freshness_s for sub in viewer.subs.values() if sub.freshness_s is not None]
                viewer.budget_s = min(budgets, default=self.freshness_s)
            case inbound.Unsubscribe(run):
                if (sub := viewer.subs.get(run)) is not None:
                    self._hub.unsubscribe(sub)
            case inbound.Keyframe(run):
                if (sub := viewer.subs.get(run)) is None:
                    raise InvalidMessage("run", f"not subscribed to {run!r}")
                self._hub.redraw(sub)
            case inbound.Report():
                if (sub := viewer.subs.get(request.run)) is not None:
                    sub.decode_ms, sub.age_ms, sub.fps = request.decode_ms, request.age_ms, request.fps
            case inbound.Ping(t):
                viewer.send(outbound.pong(t))
            case inbound.Steer():
                self._steer(viewer, identity, request)
            case inbound.Auth(token):
                if (key := self._settings.key) is not None:
                    renewed = access.read_token(token, key)
                    if renewed.user != identity.user:
                        raise Refused("a new token must be the same user's", "token")
                    viewer.identity = renewed
                self._welcome(viewer, viewer.identity)

    # --- commands ---

    def _steer(self, viewer: Viewer, identity: access.Identity, request: inbound.Steer) -> None:
        run = request.run
        if run is None:
            if len(viewer.subs) != 1:
                raise InvalidMessage("run", f"missing, and {len(viewer.subs)} runs are subscribed to")
            run = next(iter(viewer.subs))
        allow_command(identity, run, request.name, request.command_id)
        if viewer.under_way >= UNDER_WAY_MAX:
            raise Refused(f"{UNDER_WAY_MAX} commands are under way; wait for their results")
        viewer.under_way += 1
        command_id = request.command_id or f"gw-{secrets.token_hex(8)}"
        self._hub.spawn(self._command(viewer, identity.user, run, command_id, request))

    async def _command(self, viewer: Viewer, user: str, run: str, command_id: str, request: inbound.Steer) -> None:
        # Who watches the run gets the result through its critical stream, like everybody.
        wait_s = 0.0 if run in viewer.subs else self._settings.command_timeout_s
        try:
            outcome = await carry_out(self._hub, user, run, command_id, request.name, request.args, wait_s)
            if outcome is not None:
                viewer.send(outbound.result(run, command_id, request.name, outcome))
        except InvalidMessage as error:
            self.refuse(viewer, error.cause, error.problem, error.field, run, command_id)
        except Refused as error:
            self.refuse(viewer, error.code, error.message, error.field, run, command_id)
        except Unanswered:
            pass
        except (*TRANSIENT, redis.ResponseError):
            # Not the viewer's mistake: it is not counted against it.
            viewer.send(outbound.error("unavailable", "Redis does not answer; try again", None, run, command_id))
        finally:
            viewer.under_way -= 1

    # --- looking after them ---

    async def look_after(self) -> None:
        """Measure, decide tiers, ping, end what has expired; for ever."""
        self._hub.spawn(self._tuner.look_closely())
        next_ping_s = time.monotonic() + self._settings.ping_s
        while True:
            await asyncio.sleep(min(LOOK_S, self.freshness_s / 2))
            now_s, now_unix_s = time.monotonic(), time.time()
            pinging = now_s >= next_ping_s
            ping = outbound.ping(now_s)
            if pinging:
                next_ping_s = now_s + self._settings.ping_s
            settled = self._hub.settled()
            for place, viewer in enumerate(list(self._hub.viewers)):
                if place % SWEEP == SWEEP - 1:
                    await asyncio.sleep(0)
                self._look_at_token(viewer, now_unix_s)
                if viewer.closing:
                    continue
                if pinging:
                    if not viewer.seen:
                        viewer.close(4412, "no sign of life")
                        continue
                    viewer.seen = False
                    viewer.put(ping)
                if viewer not in settled:
                    self._tuner.glance(viewer, now_s)
