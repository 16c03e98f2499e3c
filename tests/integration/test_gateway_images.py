"""Camera pictures from a simulation's call to a viewer's socket, through real workers and gateways."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import msgspec
import pytest
from tests.gateway.stage import GatewayProcess, RawViewer, RunOwner, eventually, receive, send, until
from tests.support import patterns
from tests.workers.rig import Workers

from lanecast.broker import keys, messages, pictures, scripts
from lanecast.broker.offsets import Offset
from lanecast.gateway import framing
from lanecast.producer import Run

pytestmark = pytest.mark.integration

RUN = "cam"


@pytest.fixture
def gateway(redis_url: str) -> Iterator[GatewayProcess]:
    process = GatewayProcess(redis_url, node="g1").start()
    yield process
    process.kill()


@pytest.fixture
async def run(redis_url: str, client: Any, pool: Workers) -> AsyncIterator[Run]:
    """A simulation with a camera, and a worker that owns it."""
    pool.start("w1")
    with Run(RUN, url=redis_url) as run:
        await eventually(lambda: client.exists(keys.lease(RUN)))
        run.image("front", patterns.pattern(1))
        await eventually(lambda: client.exists(keys.cameras(RUN)))
        yield run


async def test_a_viewer_gets_the_newest_picture_at_once_and_then_those_that_come(
    run: Run, gateway: GatewayProcess
) -> None:
    async with gateway.connect() as viewer:
        await send(viewer, type="subscribe", run=RUN, tier="low")
        first = await until(viewer, "image")
        assert (first["run"], first["tier"], first["camera"], first["mime"]) == (RUN, "low", "front", "image/jpeg")
        assert patterns.size_of(first["data"]) == (first["width"], first["height"]) == (104, 62)
        run.image("front", patterns.pattern(2), step=2)
        second = await until(viewer, "image", step=2)
        assert Offset(*map(int, second["offset"].split("-"))) > Offset(*map(int, first["offset"].split("-")))


async def test_json_viewers_get_base64_and_a_change_of_tier_changes_the_pictures(
    run: Run, gateway: GatewayProcess
) -> None:
    async with gateway.connect(protocol="lanecast.json.v1") as viewer:
        await send(viewer, type="subscribe", run=RUN, tier="high")
        picture = await until(viewer, "image", tier="high")
        assert patterns.size_of(base64.b64decode(picture["data"])) == (144, 86)
        await send(viewer, type="subscribe", run=RUN, tier="low")
        picture = await until(viewer, "image", tier="low")
        assert patterns.size_of(base64.b64decode(picture["data"])) == (104, 62)


async def test_who_wants_no_pictures_gets_none_and_nothing_is_made_for_it(
    run: Run, gateway: GatewayProcess, client: Any
) -> None:
    async with gateway.connect() as viewer:
        await send(viewer, type="subscribe", run=RUN, tier="high", images=False)
        await until(viewer, "subscribed")
        run.image("front", patterns.pattern(2))
        run.frame({"points": {"id": [1], "x": [0.0], "y": [0.0]}})
        await until(viewer, "frame")
        await eventually(lambda: client.hexists(keys.counts(RUN), "dropped:low:image_unwatched"))
        assert not await client.exists(keys.image(RUN, "high"))
        await send(viewer, type="ping", t=1)
        while (message := await receive(viewer))["type"] != "pong":
            assert message["type"] != "image"
        await send(viewer, type="subscribe", run=RUN, tier="high", images="yes")
        assert (await until(viewer, "error"))["field"] == "images"


async def test_cameras_are_listed_and_their_newest_picture_is_made_for_who_asks(
    run: Run, gateway: GatewayProcess
) -> None:
    async with httpx.AsyncClient(base_url=gateway.url) as http:

        async def cameras() -> Any:
            return (await http.get(f"/api/runs/{RUN}/cameras")).json()["cameras"]

        await eventually(cameras)
        (camera,) = await cameras()
        assert (camera["camera"], camera["mime"], camera["width"], camera["height"]) == (
            "front",
            "image/x-raw",
            160,
            96,
        )
        got = await http.get(f"/api/runs/{RUN}/cameras/front.jpg", params={"tier": "ultra"})
        assert (got.status_code, got.headers["content-type"]) == (200, "image/jpeg")
        assert patterns.size_of(got.content) == (160, 96)
        for path, status in (("rear.jpg", 404), ("front.png", 404), ("front.jpg?tier=best", 422)):
            assert (await http.get(f"/api/runs/{RUN}/cameras/{path}")).status_code == status
        assert (await http.get("/api/runs/nobody/cameras")).status_code == 404


async def test_a_viewer_that_does_not_read_gets_its_frames_and_status_first_and_pictures_are_counted(
    redis_url: str, client: Any, gateway: GatewayProcess
) -> None:
    owner = await RunOwner(client, RUN).begin()
    with contextlib.closing(RawViewer(gateway.port, rcvbuf_bytes=4096)) as viewer:
        viewer.send_message(type="subscribe", run=RUN, tier="high")
        await eventually(lambda: client.exists(keys.demand(RUN)))
        held: Any = await client.hget(keys.lease(RUN), "epoch")
        epoch, sent = int(held), 0
        async with httpx.AsyncClient(base_url=gateway.url) as http:

            async def behind() -> bool:
                nonlocal sent
                sent += 1
                offset = Offset(epoch, sent)
                data = messages.image(RUN, "high", "first", offset, "front", 8, 8, sent, 0.0, {}, 0, bytes(200_000))
                rendered = [pictures.Rendered("high", offset, 0.0, data)]
                pictures.check(
                    RUN, epoch, await scripts.run(client, pictures.write(RUN, epoch, "front", None, rendered))
                )
                counted = (await http.get("/api/stats")).json()["dropped"]
                return int(counted.get("image_behind", 0)) >= 5

            await eventually(behind)
        await owner.status("first things first")
        kinds: list[str] = []
        while "status" not in kinds:
            opcode, payload = viewer.frame()
            if opcode == framing.BINARY:  # others measure the connection
                kinds.append(msgspec.msgpack.decode(payload)["type"])
    assert 1 <= kinds.count("image") <= sent - 5
