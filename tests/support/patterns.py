"""Generated test pictures: no camera has ever seen them. They say what they are by the stripe of their number."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import simplejpeg
from numpy.typing import NDArray
from PIL import Image


def pattern(n: int, width: int = 160, height: int = 96) -> NDArray[np.uint8]:
    """A colour gradient with a bright stripe whose place tells the number."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.empty((height, width, 3), np.uint8)
    picture[..., 0] = columns * 200 // width
    picture[..., 1] = rows * 200 // height
    picture[..., 2] = 60
    at = n * 4 % width
    picture[:, at : at + 4] = 255
    return picture


def highway(n: int, width: int = 1280, height: int = 720) -> NDArray[np.uint8]:
    """A road seen from above, grey, with lane marks and boxes that drive on, as driving simulators draw it."""
    picture = np.full((height, width, 3), 100, np.uint8)
    for lane in range(1, 4):
        y = height * lane // 4
        for x in range(-(n * 12) % 120, width, 120):
            picture[y : y + 3, x : x + 60] = 255
    for car in range(24):
        x, y = (car * 173 + n * (6 + car % 5)) % width, height * (car % 4) // 4 + 30
        picture[y : y + 60, x : x + 110] = (50 + car * 8, 200 - car * 6, 120)
    return picture


def jpeg(picture: Any, quality: int = 90) -> bytes:
    data: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality)
    return data


def pillow(picture: Any, form: str, mode: str = "RGB") -> bytes:
    """As PNG or WebP."""
    file = io.BytesIO()
    Image.fromarray(picture).convert(mode).save(file, form)
    return file.getvalue()


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a JPEG."""
    height, width, _, _ = simplejpeg.decode_jpeg_header(data)
    return width, height
