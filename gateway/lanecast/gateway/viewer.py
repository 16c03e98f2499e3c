"""A viewer's connection after the handshake: a light protocol on the bare transport.

One of these per viewer, so it has slots and no tasks of its own. It reads what the viewer sends (`framing`), answers
pings, knows how much waits to be sent and how old that is, and hands messages to its `Owner`. It never waits.
"""

from __future__ import annotations

import asyncio
import fcntl
import itertools
import math
import random
import socket
import struct
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol

from lanecast.gateway import framing, outbound
from lanecast.gateway.access import Identity
from lanecast.gateway.errors import ProtocolViolation
from lanecast.gateway.link import SHARE, Link
from lanecast.gateway.probe import Probe
from lanecast.gateway.writer import SIOCOUTQ, Write

if TYPE_CHECKING:
    from lanecast.gateway.feeds import Subscription

CLOSE_S: Final = 5.0
"""How long a viewer may take to read what waits for it, the close frame at the end, and answer."""
SHUTDOWN_S: Final = 0.5
RETRY_MS: Final = 2_000
"""A restart's viewers come back spread over this time, not all at once."""
RELEASE: Final = 0.3
"""Of the window of its link, how much may still wait when frames come again."""
BURST: Final = 5.0
"""Seconds' worth of messages that may come at once."""


_numbers = itertools.count(1)


class Owner(Protocol):
    """Whom a viewer reports to."""

    lossless_bytes: int
    messages_per_s: float
    freshness_s: float

    def received(self, viewer: Viewer, payload: bytes, *, text: bool) -> None:
        """A whole message has come."""

    def closing(self, viewer: Viewer, code: int) -> None:
        """It will get nothing more."""

    def gone(self, viewer: Viewer) -> None:
        """The connection no longer exists."""

    def flooding(self, viewer: Viewer) -> None:
        """It has sent more than it may, and will be closed."""


class Viewer(asyncio.Protocol):
    """One connection.

    Attributes:
        text: speaks `lanecast.json.v1`.
        blocked: state frames are to be skipped: too much waits (`paused`), or it has waited too long (`late`).
        fd: of its socket, for a writer that goes past the transport; -1: none may.
        own_bytes: sent so far, without what it gets in the rows of its seats (`sent_bytes` is all).
        seen: something has come from the viewer since the last ping.
        mistakes: messages refused so far; `denied`: those because of its role.
        budget_s: how old what it is sent may get.
        waiting_bytes: sent and not acknowledged, at the last look.
        rtt_s: of the last WebSocket ping; 0 until one was answered.
        warned_of: Unix seconds: the end of a token that it was asked to replace.
        number: names it among the viewers of this node.
        drops: state frames that it was not sent.
        link, probe: what is known of its link, while somebody looks closely; see `tuner`.
    """

    __slots__ = (
        "_allowance", "_allowed_at", "_mark_at", "_mark_bytes", "_owner", "_parser", "_timer", "address", "blocked",
        "budget_s", "closing", "connections", "denied", "drops", "fd", "identity", "late", "link", "mistakes", "number",
        "opened_s", "own_bytes", "padded_s", "paused", "probe", "probed_s", "protocol", "rtt_s", "seen", "start_run",
        "subs", "text", "transport", "under_way", "waiting_bytes", "warned_of", "write",
    )  # fmt: skip

    def __init__(
        self, transport: asyncio.Transport, owner: Owner, protocol: str, address: str, connections: set[Any]
    ) -> None:
        self.transport = transport
        self.write: Write = transport.write
        self.protocol = protocol
        self.text = protocol == outbound.JSON_V1
        self.address = address
        self.identity: Identity | None = None
        self.start_run: str | None = None
        self.subs: dict[str, Subscription] = {}
        self.connections = connections
        self.blocked = False
        self.paused = False
        self.late = False
        self.closing = False
        self.seen = True
        self.own_bytes = 0
        self.mistakes = 0
        self.denied = 0
        self.under_way = 0
        self.budget_s = owner.freshness_s
        self.waiting_bytes = 0
        self.rtt_s = 0.0
        self.drops = 0
        self.warned_of = 0.0
        self.opened_s = time.monotonic()
        self.number = str(next(_numbers))
        self.link: Link | None = None
        self.probe: Probe | None = None
        self.probed_s = -math.inf
        self.padded_s = -math.inf
        self._owner = owner
        self._parser = framing.Parser()
        self._timer: asyncio.TimerHandle | None = None
        self._mark_bytes = 0
        self._mark_at = 0.0
        self._allowance = owner.messages_per_s * BURST
        self._allowed_at = 0.0
        sock: socket.socket | None = transport.get_extra_info("socket")
        # Past TLS nothing may be written.
        self.fd = -1 if sock is None or transport.get_extra_info("sslcontext") else sock.fileno()

    # --- what comes ---

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.seen = True
        try:
            for opcode, payload in self._parser.feed(data):
                if self.closing and opcode != framing.CLOSE:
                    continue
                if not self._take(opcode, payload):
                    return
        except ProtocolViolation as violation:
            self.close(violation.code, violation.reason)

    def _take(self, opcode: int, payload: bytes) -> bool:
        """Handle one message; False: nothing more is read."""
        if opcode == framing.CLOSE:
            self._peer_closes(payload)
            return False
        if not self._may_send():
            self._owner.flooding(self)
            self.close(4429, "too many messages")
            return False
        if opcode == framing.PING:
            self.put(framing.message(framing.PONG, payload))
        elif opcode == framing.PONG:
            self._ponged(payload)
        else:
            self._owner.received(self, payload, text=opcode == framing.TEXT)
        return True

    def _ponged(self, payload: bytes) -> None:
        now_s, sent_s = time.monotonic(), outbound.ping_time(payload)
        if sent_s is None or not self.opened_s <= sent_s <= now_s:
            return  # unsolicited, or somebody makes up times
        self.rtt_s = now_s - sent_s
        if self.link is not None:
            self.link.ponged(now_s, sent_s)
        if self.probe is not None:
            self.probe.ponged(now_s, sent_s, self.sent_bytes)

    def _peer_closes(self, payload: bytes) -> None:
        if not self.closing:
            code, _ = framing.read_close(payload)
            self._leave(code)
            self.write(framing.close(1000 if code == 1005 else code))
        self.start_timer(CLOSE_S, self.transport.abort)
        self.transport.close()

    def _may_send(self) -> bool:
        now_s = asyncio.get_running_loop().time()
        rate = self._owner.messages_per_s
        self._allowance = min(rate * BURST, self._allowance + (now_s - self._allowed_at) * rate) - 1
        self._allowed_at = now_s
        return self._allowance >= 0

    # --- what goes ---

    def put(self, frame: bytes) -> None:
        """Write something framed, whether the connection is behind or not."""
        if not self.closing:
            self.get_up()
            self.own_bytes += len(frame)
            self.write(frame)

    def send(self, message: Mapping[str, Any]) -> None:
        """Write a message of the gateway's own."""
        self.put(outbound.encode(message, text=self.text))

    def notice_skipped(self, sub: Subscription) -> None:
        """Say how many frames were skipped, now that frames come again."""
        skipped, sub.skipped = sub.skipped, 0
        if skipped:
            text = f"{skipped} frames skipped: the connection was too slow"
            self.send(outbound.notice(text, sub.feed.run, skipped))

    @property
    def clear(self) -> bool:
        """Takes state frames, and nothing is left in its transport: its socket may be written to."""
        return not self.blocked and self.fd >= 0 and not self.transport.get_write_buffer_size()

    def get_up(self) -> None:
        """From now on nobody writes past the transport, until it is clear again."""
        for sub in self.subs.values():
            if sub.seats is not None:
                sub.seats.get_up(sub)

    @property
    def sent_bytes(self) -> int:
        """All that was sent so far."""
        return self.own_bytes + sum(sub.seats.sent_to(sub) for sub in self.subs.values() if sub.seats is not None)

    def pause_writing(self) -> None:
        """The transport holds more than its high-water mark."""
        self.paused = True
        self._block(blocked=True)

    def resume_writing(self) -> None:
        """It holds nothing any more."""
        self.paused = False
        self._block(blocked=self.late)

    def _block(self, *, blocked: bool) -> None:
        self.blocked = blocked
        if blocked:
            self.get_up()

    def waiting_now(self) -> int:
        """Bytes that were sent and have not been acknowledged yet, in the transport and in the kernel."""
        return self.transport.get_write_buffer_size() + _unacknowledged(self.fd)

    def room(self) -> float:
        """How many bytes can be sent now without getting older than the budget on their way; infinite: not known."""
        return math.inf if self.link is None else self.link.window(self.budget_s) - self.waiting_bytes

    def measure(self, now_s: float) -> None:
        """Look how old what waits is: `late` once something written has not arrived within the budget.

        A mark is put at the newest byte; as long as the viewer has not acknowledged it, its age is the mark's. State
        frames are skipped then; if lossless messages pile up all the same, the viewer is let go, and may resume. Whose
        data has all arrived need not be measured: whether a mark was reached is looked at before its age is.
        """
        link, sent_bytes = self.link, self.sent_bytes
        if link is None and not self._mark_at and sent_bytes == self._mark_bytes:
            return  # nothing new since everything had arrived
        backlog = self.transport.get_write_buffer_size()
        waiting = self.waiting_bytes = backlog + _unacknowledged(self.fd)
        if link is not None:
            link.sample(now_s, sent_bytes - waiting, waiting)
        if self._mark_at and sent_bytes - waiting >= self._mark_bytes:
            self._mark_at = 0.0
            self.late = False
        if not self._mark_at and waiting:
            self._mark_bytes, self._mark_at = sent_bytes, now_s
        if self._mark_at and now_s - self._mark_at > self.budget_s:
            self.late = True
        full = False
        if link is not None:
            # Who was blocked needs a keyframe, so it must find some room.
            full = waiting > link.window(self.budget_s) * (RELEASE if self.blocked else 1.0)
            # Before its width is known: no more is sent once what was sent takes its share of the budget.
            known = link.limit is not None or not self._mark_at
            full = full or (not known and now_s - self._mark_at > link.rtt_s + SHARE * self.budget_s)
        self._block(blocked=self.paused or self.late or full)
        if self.late and backlog > self._owner.lossless_bytes:
            self.close(4413, "too slow for lossless messages")

    @property
    def marked_s(self) -> float:
        """Since when (monotonic) something sent has not been acknowledged, at the last look; infinite: nothing is."""
        return self._mark_at or math.inf

    # --- the end ---

    def close(self, code: int, reason: str = "", *, within_s: float = CLOSE_S) -> None:
        """Say goodbye; the connection is cut if the viewer does not answer in time."""
        if self.closing:
            return
        self._leave(code)
        self.write(framing.close(code, reason))
        self.start_timer(within_s, self.transport.abort)

    def shutdown(self) -> None:
        """Called by uvicorn for every connection when the process is told to end."""
        self.close(1012, f"retry_ms={random.randint(0, RETRY_MS)}", within_s=SHUTDOWN_S)

    def start_timer(self, delay_s: float, then: Callable[[], None]) -> None:
        """Do something later, instead of what was to be done before."""
        self.stop_timer()
        self._timer = asyncio.get_running_loop().call_later(delay_s, then)

    def stop_timer(self) -> None:
        """Do it no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def eof_received(self) -> bool:
        """The viewer sends no more: close."""
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The connection no longer exists."""
        self.stop_timer()
        self._leave(1006)
        self.connections.discard(self)
        self._owner.gone(self)

    def _leave(self, code: int) -> None:
        if not self.closing:
            self.closing = True
            self._owner.closing(self, code)


def _unacknowledged(fd: int) -> int:
    if fd < 0:
        return 0
    try:
        size: int = struct.unpack("i", fcntl.ioctl(fd, SIOCOUTQ, b"\0\0\0\0"))[0]
    except OSError:
        return 0
    return size
