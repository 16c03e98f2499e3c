"""Cameras over HTTP: which there are, and the newest picture of one. The page: `docs/protocol/http.md`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from lanecast.broker import pictures, runs
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.tiers import HIGH, TIERS
from lanecast.gateway import access
from lanecast.gateway.access import Identity
from lanecast.gateway.commanding import UnknownRunRefused
from lanecast.gateway.hub import Hub
from lanecast.gateway.picture_feeds import say_wanted

FRESH_MS: Final = 2_000
WAIT_S: Final = 2.0
LOOK_S: Final = 0.05

Identify = Callable[[Request, str, str | None], Identity]


class Cameras:
    """The routes; `identify` says who asks, and refuses who may not."""

    def __init__(self, hub: Hub, identify: Identify) -> None:
        self._hub = hub
        self._identify = identify
        self.router = router = APIRouter()
        router.get("/api/runs/{run}/cameras")(self.list_cameras)
        router.get("/api/runs/{run}/cameras/{file:path}")(self.get_picture)

    async def list_cameras(self, request: Request, run: str) -> Response:
        """What is known of each camera of a run."""
        self._identify(request, access.WATCH, run)
        if await runs.get(self._hub.client, run) is None:
            raise UnknownRunRefused(f"run {run!r} is not registered", "run")
        found = await pictures.cameras(self._hub.client, run)
        return JSONResponse({"cameras": [msgspec.to_builtins(camera) for camera in found]})

    async def get_picture(self, request: Request, run: str, file: str, tier: str = HIGH.name) -> Response:
        """The newest picture of a camera as a JPEG; made for this answer if nobody watches it."""
        self._identify(request, access.WATCH, run)
        if tier not in TIERS:
            raise InvalidMessage("tier", f"{tier!r:.60} is not one of {', '.join(TIERS)}")
        camera = file.removesuffix(".jpg")
        if camera == file or camera not in {one.camera for one in await pictures.cameras(self._hub.client, run)}:
            raise UnknownRunRefused(f"run {run!r} has no camera {camera[:64]!r}", "camera")
        found = await self._newest(run, camera, tier)
        if found is None:
            raise UnknownRunRefused(f"no picture of {camera!r} can be had now; its worker has none", "camera")
        pub_ms, message = found
        headers = {
            "Cache-Control": "no-store",
            "Last-Modified-Ms": f"{pub_ms:.0f}",
            "X-Content-Type-Options": "nosniff",
        }
        return Response(pictures.jpeg_of(message), media_type="image/jpeg", headers=headers)

    async def _newest(self, run: str, camera: str, tier: str) -> tuple[float, bytes] | None:
        """A fresh one; else what comes within a moment once it is asked for; else the last there was."""
        _, found = await pictures.newest(self._hub.client, run, tier)
        newest = found.get(camera)
        if newest is not None and time.time() * 1000 - newest[0] < FRESH_MS:
            return newest
        await say_wanted(self._hub, run, tier, 1, by="/http")
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S)
            _, found = await pictures.newest(self._hub.client, run, tier)
            if found.get(camera) != newest:
                return found.get(camera)
        return newest
