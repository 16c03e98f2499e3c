"""Both writers, by the same tests: real sockets, real transports of both event loops, real viewers."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from array import array
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop

from lanecast.gateway import framing, outbound, seats, writer
from lanecast.gateway.app import prepare
from lanecast.gateway.errors import GatewayError
from lanecast.gateway.feeds import Clock, RunFeed, Subscription, TierFeed
from lanecast.gateway.settings import GatewaySettings
from lanecast.gateway.stats import Stats
from lanecast.gateway.viewer import Viewer

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.new_event_loop,
}
WITHIN_S = 10.0


class Stage:
    """One tier and its viewers, over TCP; and their owner, which like the gateway's lets go who closes."""

    lossless_bytes = 1 << 30
    messages_per_s = 1e6
    freshness_s = 0.5

    def __init__(self, name: str, sndbuf_bytes: int = 16_384, backlog_bytes: int = 65_536) -> None:
        self.settings = GatewaySettings(sndbuf_bytes=sndbuf_bytes, backlog_bytes=backlog_bytes)
        self.stats = Stats()
        self.run = RunFeed("a", self.stats, self._never)
        self.tier = TierFeed("a", "high", Clock(), self.stats, lambda _: None, 5.0, writer.choose(name))
        self.tier.open("1-0", [])
        self.arrived: asyncio.Queue[Viewer] = asyncio.Queue()
        self.gone_viewers: list[Viewer] = []
        self.fds_open: list[bool] = []
        self.someone_gone = asyncio.Event()
        self.number = 0

    async def _never(self, _feed: RunFeed) -> None:
        raise AssertionError

    # the owner of the viewers

    def received(self, *_: object, **__: object) -> None:
        raise AssertionError

    def flooding(self, _viewer: Viewer) -> None:
        raise AssertionError

    def closing(self, viewer: Viewer, _code: int) -> None:
        for sub in viewer.subs.values():
            TierFeed.leave(sub)
        viewer.subs.clear()

    def gone(self, viewer: Viewer) -> None:
        self.gone_viewers.append(viewer)
        try:
            os.fstat(viewer.fd)
            self.fds_open.append(True)
        except OSError:
            self.fds_open.append(False)
        self.someone_gone.set()

    # what tests do

    async def open(self) -> None:
        stage = self

        class Door(asyncio.Protocol):
            def connection_made(self, transport: Any) -> None:
                prepare(transport, stage.settings)
                viewer = Viewer(transport, stage, outbound.V1, "test", set())
                transport.set_protocol(viewer)
                stage.arrived.put_nowait(viewer)

        self.listener = await asyncio.get_running_loop().create_server(Door, "127.0.0.1", 0)

    async def seat(self, rcvbuf_bytes: int | None = None) -> tuple[Viewer, socket.socket]:
        """A viewer that watches the tier, and the socket at its end."""
        client = socket.socket()
        if rcvbuf_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf_bytes)
        client.setblocking(False)
        await asyncio.get_running_loop().sock_connect(client, self.listener.sockets[0].getsockname())
        viewer = await asyncio.wait_for(self.arrived.get(), WITHIN_S)
        sub = Subscription(viewer, self.run, "high", None, 0.0)
        viewer.subs["a"] = sub
        self.tier.enter(sub)
        return viewer, client

    async def cast(self, payload: bytes, *, key: bool = False) -> bytes:
        """Broadcast one frame; what goes over the wire."""
        self.number += 1
        fields = {b"key": b"1" if key else b"0", b"data": payload}
        await self.tier.deliver([(f"1-{self.number}".encode(), fields)])
        return framing.message(framing.BINARY, payload)

    async def settle(self, *viewers: Viewer) -> None:
        """Until the transports have given everything to their sockets."""
        async with asyncio.timeout(WITHIN_S):
            while any(viewer.transport.get_write_buffer_size() for viewer in viewers):  # noqa: ASYNC110
                await asyncio.sleep(0)


async def take(client: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    data = b""
    loop = asyncio.get_running_loop()
    while len(data) < size:
        more = await asyncio.wait_for(loop.sock_recv(client, min(65_536, size - len(data))), WITHIN_S)
        assert more, f"closed after {len(data)} of {size} bytes"
        data += more
    return data


Play = Callable[[Callable[[Stage], Awaitable[None]]], None]


@pytest.fixture(params=["python", "native"])
def writer_name(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    if name == "native":
        pytest.importorskip("lanecast_native", reason="the native writer is not installed", exc_type=ImportError)
    return name


@pytest.fixture(params=LOOPS)
def play(writer_name: str, request: pytest.FixtureRequest) -> Play:
    """Plays a scene with one of the writers on one of the event loops."""

    def play(scene: Callable[[Stage], Awaitable[None]]) -> None:
        async def whole() -> None:
            stage = Stage(writer_name)
            await stage.open()
            await scene(stage)
            stage.listener.close()
            for sub in stage.tier.subs:
                sub.viewer.transport.abort()
            await asyncio.sleep(0)

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as runner:
            runner.run(whole())

    return play


def test_everybody_gets_every_frame_once_and_in_order(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seats, "CHUNK", 8)

    async def scene(stage: Stage) -> None:
        people = [await stage.seat() for _ in range(20)]
        wire = await stage.cast(b"key", key=True)
        for n in range(30):
            wire += await stage.cast(b"frame %d" % n)
        for viewer, client in people:
            assert await take(client, len(wire)) == wire
            assert viewer.sent_bytes == len(wire)
            client.close()
        assert stage.stats.frames_out == 20 * 31
        assert stage.stats.bytes_out == 20 * len(wire)

    play(scene)


def test_what_does_not_fit_into_a_socket_follows_in_order(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        viewer, client = await stage.seat(rcvbuf_bytes=4_096)
        quick, reading = await stage.seat()
        first = await stage.cast(b"key", key=True)
        await stage.settle(viewer, quick)
        # Far more than socket and receiver take, and less than the transport may hold: it is sent in part.
        big = await stage.cast(os.urandom(60_000))
        assert viewer.transport.get_write_buffer_size()
        viewer.put(b"\x82\x03own")
        after = await stage.cast(b"after")
        wire = first + big + b"\x82\x03own" + after
        assert viewer.sent_bytes == len(wire)
        assert await take(client, len(wire)) == wire
        assert await take(reading, len(first + big + after)) == first + big + after
        await stage.settle(viewer)
        again = await stage.cast(b"again") + await stage.cast(b"and again")
        assert await take(client, len(again)) == again
        client.close()
        reading.close()

    play(scene)


def test_a_message_of_its_own_keeps_its_place_among_frames(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        viewer, client = await stage.seat()
        wire = await stage.cast(b"key", key=True)
        for n in range(50):
            viewer.put(b"\x82\x03own")
            wire += b"\x82\x03own" + await stage.cast(b"frame %d" % n) + await stage.cast(b"next")
            if n % 3 == 0:
                await stage.settle(viewer)
        assert await take(client, len(wire)) == wire
        client.close()

    play(scene)


def test_a_stalled_viewer_is_left_out_and_comes_back_with_a_keyframe(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        stalled, silent = await stage.seat(rcvbuf_bytes=4_096)
        _, client = await stage.seat()
        wire = await stage.cast(b"key", key=True)
        await take(client, len(wire))
        while not stalled.blocked:
            frame = await stage.cast(os.urandom(8_000))
            wire += frame
            await take(client, len(frame))
        skipped = 10
        for n in range(skipped):
            frame = await stage.cast(b"delta %d" % n)
            assert await take(client, len(frame)) == frame
        assert stage.stats.dropped["backlog"] >= skipped
        held = await take(silent, len(wire))
        assert held == wire, "what had been accepted comes whole, and nothing of what was skipped"
        await stage.settle(stalled)
        assert stalled.clear
        key = await stage.cast(b"fresh", key=True)
        assert await take(silent, len(key)) == key
        silent.close()
        client.close()

    play(scene)


def test_a_closed_peer_harms_nobody_else_and_its_descriptor_is_not_written_to(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        dead, gone = await stage.seat()
        _, client = await stage.seat()
        wire = await stage.cast(b"key", key=True)
        gone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.close()  # by a reset
        for n in range(5):  # the loop has not told of it yet
            wire += await stage.cast(b"frame %d" % n)
        await asyncio.wait_for(stage.someone_gone.wait(), WITHIN_S)
        assert stage.gone_viewers == [dead]
        assert stage.fds_open == [True], "a viewer is let go before its descriptor can be another's"
        wire += await stage.cast(b"last")
        assert await take(client, len(wire)) == wire
        assert len(stage.tier.subs) == 1
        client.close()

    play(scene)


def test_nothing_follows_the_close_frame(play: Play) -> None:
    async def scene(stage: Stage) -> None:
        viewer, client = await stage.seat()
        wire = await stage.cast(b"key", key=True) + await stage.cast(b"frame")
        viewer.close(1012, "retry_ms=1", within_s=0.05)
        await stage.cast(b"too late")
        assert await rest_or_reset(client) == wire + framing.close(1012, "retry_ms=1")
        client.close()

    play(scene)


async def rest_or_reset(client: socket.socket) -> bytes:
    data, loop = b"", asyncio.get_running_loop()
    try:
        while more := await asyncio.wait_for(loop.sock_recv(client, 65_536), WITHIN_S):
            data += more
    except ConnectionResetError:
        pass
    return data


def test_a_writer_says_what_was_not_taken(writer_name: str) -> None:
    one = writer.choose(writer_name)
    (ours, theirs), (broken, other), (full, idle) = (socket.socketpair() for _ in range(3))
    other.close()
    full.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
    for end in (ours, broken, full):
        end.setblocking(False)
    frame = os.urandom(200_000)
    fds = array("i", [ours.fileno(), broken.fileno(), full.fileno()])
    assert one.broadcast(fds, b"small", 0, 3) == [(1, -32)]
    assert theirs.recv(99) == idle.recv(99) == b"small"
    ((place, taken),) = one.broadcast(fds, frame, 2, 3)
    assert place == 2
    assert 0 < taken < len(frame)
    assert one.broadcast(fds, frame, 2, 3) == [(2, 0)]
    assert one.broadcast(fds, frame, 1, 1) == []
    for end in (ours, theirs, broken, full, idle):
        end.close()


def test_the_native_writer_stays_within_what_it_is_given() -> None:
    native = pytest.importorskip("lanecast_native", reason="the native writer is not installed", exc_type=ImportError)
    fds, frame = array("i", [-1, -1, -1]), b"frame"
    assert native.broadcast(fds, frame) == [(0, -9), (1, -9), (2, -9)]
    for bad in ((-1, 2), (2, 1), (0, 4)):
        with pytest.raises(ValueError, match="is not within 12 bytes"):
            native.broadcast(fds, frame, *bad)
    with pytest.raises(ValueError, match="is not within 5 bytes"):
        native.broadcast(b"12345", frame)


def test_the_native_writer_knows_who_has_taken_everything() -> None:
    native = pytest.importorskip("lanecast_native", reason="the native writer is not installed", exc_type=ImportError)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        pairs = [(socket.create_connection(listener.getsockname()), listener.accept()[0]) for _ in range(3)]
        slow = pairs[1][0]
        slow.setblocking(False)
        fds = array("i", [ours.fileno() for ours, _ in pairs])
        while not native.broadcast(fds, bytes(100_000), 1, 2):  # nobody reads at its other end
            pass
        ((place, size),) = native.waiting(fds)
        assert (place, size > 0) == (1, True)
        for one in (writer.NativeWriter(), writer.PythonWriter()):
            assert list(one.all_arrived(fds)) == [0, 2]
        for pair in pairs:
            for end in pair:
                end.close()
    assert [taken for _, taken in native.waiting(array("i", [-1]))] == [-9]
    with pytest.raises(ValueError, match="5 bytes are not whole C ints"):
        native.waiting(b"12345")


def test_auto_takes_the_native_writer_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lanecast_native", None)
    assert writer.choose("auto").name == writer.choose("python").name == "python"
    with pytest.raises(GatewayError, match=r"pip install \./gateway/native"):
        writer.choose("native")
