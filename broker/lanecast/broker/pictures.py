"""What a worker gives out of cameras: the call that writes it, and what is known of each. The functions below do I/O.

Pictures do not travel in commits: a commit is what control waits for. They are written by a script of their own, under
the same lease, and are never sent again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lanecast.broker import keys, messages, scripts
from lanecast.broker.errors import Fenced
from lanecast.broker.offsets import Offset

KEPT: Final = 32
"""About as many pictures stay in the stream of a tier."""


class CameraInfo(msgspec.Struct):
    """What is known of one camera; kept as JSON in the hash `keys.cameras`.

    Attributes:
        mime, width, height: of what the producer sends.
        at_ms: when the newest picture was published, Unix ms.
        best: the best tier that is made now as it should be; viewers of better ones get this one's pictures, because
            the worker has no more time. None: everything is as it should be.
    """

    camera: str
    mime: str
    width: int
    height: int
    step: int
    time_s: float
    at_ms: float
    best: str | None = None


@dataclass(frozen=True, slots=True)
class Rendered:
    """One picture in the quality of a tier; `data` is the whole message to viewers."""

    tier: str
    offset: Offset
    pub_ms: float
    data: bytes


def write(
    run: str, epoch: int, camera: str, info: CameraInfo | None, rendered: Sequence[Rendered] = (), gone: str = ""
) -> scripts.Call:
    """The call that gives pictures of one camera out; `info` None: what is known of it has not changed."""
    words: list[scripts.Word] = []
    for one in rendered:
        words += (str(one.offset), f"{one.pub_ms:.3f}", one.data)
    known = "" if info is None else msgspec.json.encode(info)
    return scripts.Call(
        scripts.PICTURE,
        (keys.lease(run), keys.cameras(run), *(keys.image(run, one.tier) for one in rendered)),
        (epoch, KEPT, camera, known, gone, *words),
    )


def check(run: str, epoch: int, reply: Any) -> None:
    """Read the reply of `write`.

    Raises:
        Fenced: the lease is somebody else's, or nobody's; nothing was written.
    """
    if reply[0] == b"fenced":
        raise Fenced(f"run {run}", epoch, int(reply[1]))


async def cameras(client: Any, run: str) -> list[CameraInfo]:
    """Every camera of a run, by name."""
    rows: dict[bytes, bytes] = await client.hgetall(keys.cameras(run))
    return [msgspec.json.decode(text, type=CameraInfo) for _, text in sorted(rows.items())]


async def newest(client: Any, run: str, tier: str) -> tuple[str, dict[str, tuple[float, bytes]]]:
    """The id of the stream's last entry (0-0: there is none), and camera -> `pub_ms` and message of its newest."""
    rows = await client.xrevrange(keys.image(run, tier), count=2 * KEPT)
    found: dict[str, tuple[float, bytes]] = {}
    for _, fields in rows:
        camera, data = fields.get(b"camera"), fields.get(b"data")
        if camera is not None and data is not None:
            found.setdefault(camera.decode("utf-8", "replace"), (float(fields.get(b"pub_ms", b"0")), data))
    return rows[0][0].decode() if rows else "0-0", found


def jpeg_of(message: bytes) -> bytes:
    """The picture in a message."""
    data: bytes = messages.decode(message)["data"]
    return data
