"""The messages of the viewer protocol that a worker writes and gateways pass on unread. Pure.

Described in `docs/protocol/viewer.md`. They are encoded once, here, as MessagePack; `json.v1` viewers get
the same maps as JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from lanecast.broker.offsets import Offset

LOSSLESS: Final = ("run", "status", "control_state", "result")

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder()


def lossless(kind: str, run: str, epoch: str, offset: Offset, prev: Offset, body: Mapping[str, Any]) -> bytes:
    """A lossless message of `kind` (one of LOSSLESS); `epoch` is the run's, from its info."""
    return _encoder.encode({"type": kind, "run": run, "epoch": epoch, "offset": str(offset), "prev": str(prev), **body})


def frame(
    run: str,
    tier: str,
    epoch: str,
    offset: Offset,
    prev: Offset | None,
    step: int,
    time_s: float,
    hops: Mapping[str, float],
    parts: Mapping[str, Any],
    phases: Mapping[str, float],
    life: int = 1,
) -> bytes:
    """A frame; `parts` are `layers` and `metrics` from a `rendition.Chain`, `prev` is None for a keyframe.

    `life` counts how often the run's producer has begun: within one, `step` and `time_s` never step back.
    """
    return _encoder.encode(
        {
            "type": "frame",
            "run": run,
            "tier": tier,
            "epoch": epoch,
            "offset": str(offset),
            "prev": None if prev is None else str(prev),
            "key": prev is None,
            "life": life,
            "step": step,
            "time_s": time_s,
            "hops": hops,
            **parts,
            "phases": phases,
        }
    )


def image(
    run: str,
    tier: str,
    epoch: str,
    offset: Offset,
    camera: str,
    width: int,
    height: int,
    step: int,
    time_s: float,
    hops: Mapping[str, float],
    skipped: int,
    data: bytes,
) -> bytes:
    """A camera picture, a JPEG of `width` by `height` pixels; `skipped` of this camera were left out before it."""
    return _encoder.encode(
        {
            "type": "image",
            "run": run,
            "tier": tier,
            "epoch": epoch,
            "offset": str(offset),
            "camera": camera,
            "mime": "image/jpeg",
            "width": width,
            "height": height,
            "step": step,
            "time_s": time_s,
            "hops": hops,
            "skipped": skipped,
            "data": data,
        }
    )


def decode(data: bytes) -> dict[str, Any]:
    """Read a message that was made here."""
    message: dict[str, Any] = _decoder.decode(data)
    return message
