"""Decoding what producers send and encoding what viewers get. No I/O; both may be called from several threads at once.

JPEG is done by libjpeg-turbo through simplejpeg, which lets go of Python's lock while it works (Pillow's encoder does
not, and would hold up the event loop); PNG, WebP and scaling by Pillow. docs/decisions/0008 has the figures.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import UnidentifiedImageError

from lanecast.broker import images
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.payloads import Image

_FORMATS: Final = {images.PNG: ("PNG",), images.WEBP: ("WEBP",)}
_DEPTH: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX")
"""Pillow's modes of eight bits a channel or less."""

Rows = NDArray[np.uint8]
"""(height, width, 1) grey or (height, width, 3) RGB."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """A JPEG and its size in pixels."""

    data: bytes
    width: int
    height: int


def measure(image: Image) -> tuple[int, int]:
    """Width and height in pixels as the header says; nothing is decoded.

    Raises:
        InvalidMessage: it is not what its mime type says, or too large.
    """
    if image.mime == images.RAW:
        return image.width, image.height  # which were checked when it was read
    try:
        if image.mime == images.JPEG:
            height, width, _, _ = simplejpeg.decode_jpeg_header(image.data)
        else:
            with _open(image) as picture:
                width, height = picture.size
                if picture.mode not in _DEPTH:
                    raise InvalidMessage("data", f"expected 8 bits a channel, got mode {picture.mode}")
    except (ValueError, OSError, SyntaxError, UnidentifiedImageError, Pillow.DecompressionBombError) as error:
        raise InvalidMessage("data", f"not {image.mime}: {str(error)[:120]}") from None
    images.check_size(width, height)
    return width, height


def decode(image: Image) -> Rows:
    """The pixels; transparency is dropped.

    Raises:
        InvalidMessage: it is damaged behind its header, or `measure` would refuse it.
    """
    measure(image)
    try:
        if image.mime == images.RAW:
            rows = np.frombuffer(image.data, np.uint8).reshape(image.height, image.width, image.channels)
            return rows[:, :, :3] if image.channels == 4 else rows
        if image.mime == images.JPEG:
            grey = simplejpeg.decode_jpeg_header(image.data)[2] == "Gray"
            # The last few units of accuracy are worth less than a third of the time.
            return _decode_jpeg(image.data, "GRAY" if grey else "RGB")
        with _open(image) as picture:
            return _rows(picture.convert("L" if picture.mode in {"1", "L"} else "RGB"))
    except (ValueError, OSError, SyntaxError, Pillow.DecompressionBombError) as error:
        raise InvalidMessage("data", f"a damaged {image.mime}: {str(error)[:120]}") from None


def encode(rows: Rows, quality: float, scale: float) -> Encoded:
    """A JPEG of `quality` (0 to 1) with sides of `scale` times those of `rows`, at least one pixel."""
    height, width, channels = rows.shape
    if scale < 1:
        width, height = max(1, round(width * scale)), max(1, round(height * scale))
        picture = Pillow.fromarray(rows[:, :, 0] if channels == 1 else np.ascontiguousarray(rows))
        rows = _rows(picture.resize((width, height), Pillow.Resampling.BILINEAR, reducing_gap=1.0))
    data: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(rows), round(quality * 100), colorspace="GRAY" if channels == 1 else "RGB",
        colorsubsampling="Gray" if channels == 1 else "420", fastdct=True,
    )  # fmt: skip
    return Encoded(data, width, height)


def _open(image: Image) -> Any:
    return Pillow.open(io.BytesIO(image.data), formats=_FORMATS[image.mime])


def _decode_jpeg(data: bytes, colorspace: str) -> Rows:
    rows: Rows = simplejpeg.decode_jpeg(data, colorspace=colorspace, fastdct=True, fastupsample=True)
    return rows


def _rows(picture: Any) -> Rows:
    rows: Rows = np.asarray(picture)
    return rows[:, :, None] if rows.ndim == 2 else rows
