"""Camera pictures: which forms are taken, and how large they may be. Pure.

A picture's size is checked by what its header says, before anything is decoded: a few kilobytes may claim to be a
picture that would fill the memory of a worker.
"""

from __future__ import annotations

from typing import Final

from lanecast.broker.errors import InvalidMessage, TooLarge

JPEG: Final = "image/jpeg"
PNG: Final = "image/png"
WEBP: Final = "image/webp"
RAW: Final = "image/x-raw"
"""Rows of unsigned bytes from the top, `width * channels` each; 1 channel is grey, 3 are RGB, 4 RGBA."""
MIMES: Final = (JPEG, PNG, WEBP, RAW)
CHANNELS: Final = (1, 3, 4)

MAX_SIDE: Final = 8_192
MAX_PIXELS: Final = 16_777_216
"""Decoded that is 48 MiB; a worker decodes few at the same time."""
MAX_CAMERAS: Final = 16
"""Of one run. Where there are more, the one that has been silent for longest is forgotten."""
LANE_BYTES: Final = 32 * 1024 * 1024
"""What the lane `low` of a run may hold of pictures that are not read."""


def sniff(data: bytes) -> str | None:
    """The mime type that the first bytes tell; None if they are of no form that is taken."""
    if data[:3] == b"\xff\xd8\xff":
        return JPEG
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return WEBP
    return None


def check_size(width: int, height: int) -> None:
    """Whether a picture of so many pixels is taken.

    Raises:
        InvalidMessage: it has none.
        TooLarge: a side is over `MAX_SIDE`, or all of it over `MAX_PIXELS`.
    """
    for name, side in (("width", width), ("height", height)):
        if side < 1:
            raise InvalidMessage(name, f"expected 1 to {MAX_SIDE:,} pixels, got {side}")
        if side > MAX_SIDE:
            raise TooLarge(name, side, MAX_SIDE, "pixels")
    if width * height > MAX_PIXELS:
        raise TooLarge("data", width * height, MAX_PIXELS, "pixels")


def check_raw(width: int, height: int, channels: int, size: int) -> None:
    """Whether `size` bytes are the rows of such a raw picture.

    Raises:
        InvalidMessage: a number is not what it may be, or they do not fit together.
    """
    if channels not in CHANNELS:
        raise InvalidMessage("channels", f"{channels} is not 1 (grey), 3 (RGB) or 4 (RGBA)")
    check_size(width, height)
    if width * height * channels != size:
        raise InvalidMessage(
            "data", f"{width} x {height} x {channels} are {width * height * channels:,} bytes, got {size:,}"
        )


def entries_kept(size: int, most: int) -> int:
    """How many entries the lane may hold where one takes `size` bytes: at most `most`, at least 4."""
    return max(4, min(most, LANE_BYTES // max(1, size)))
