"""The two pages that are one file each: the live viewer and the export. Pure but for reading the packaged parts."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from typing import Any
from urllib.parse import urlsplit

from lanecast.producer.optimizer.recording import Recording

_PARTS = resources.files(__package__) / "page"
_INCLUDE = re.compile(r"/\*include ([a-z.]+)\*/")


def viewer_page(
    run: str,
    title: str,
    gateway_url: str,
    *,
    scene: Mapping[str, Any] | None = None,
    token: str | None = None,
    served: str | None = None,
) -> str:
    """The live viewer of a run at a gateway (`http://host:port`); it may connect there and nowhere else.

    A page that is opened from disk has an origin that any page of the web could pretend to, so gateways refuse it:
    the file goes on to where the same page is `served`.
    """
    parts = urlsplit(gateway_url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(f"gateway_url: {gateway_url!r} is not http://host:port or https://host:port")
    socket = f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
    config = {
        "run": run,
        "title": title,
        "url": f"{socket}{parts.path.rstrip('/')}/ws",
        "token": token,
        "served": served,
    }
    return _page("viewer.html", title, {**config, "scene": _areas(scene)}, connect=socket)


def export_page(
    title: str, recording: Recording, *, scene: Mapping[str, Any] | None = None, note: str | None = None
) -> str:
    """All frames of a run, to step through and to play; asks for nothing from anywhere."""
    config = {"title": title, "scene": _areas(scene), "stride": recording.stride, "note": note}
    return _page("player.html", title, {**config, "data": recording.encoded()}, connect="'none'")


def _page(name: str, title: str, config: Mapping[str, Any], connect: str) -> str:
    page = _INCLUDE.sub(lambda found: _read(found[1]), _read(name))
    # Nothing in it can end the script element, whatever a title says.
    data = json.dumps(config, allow_nan=False).replace("<", "\\u003c").replace("\u2028", "\\u2028")
    data = data.replace("\u2029", "\\u2029")
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {connect}; base-uri 'none'; form-action 'none'"
    )
    for mark, value in (("__POLICY__", policy), ("__TITLE__", html.escape(title)), ("__CONFIG__", data)):
        page = page.replace(mark, value, 1)
    return page


def _read(name: str) -> str:
    return (_PARTS / name).read_text(encoding="utf-8")


def _areas(scene: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Of a scene what the pages draw: `bounds`, and the areas as lists of points."""
    if scene is None:
        return None
    areas = scene.get("areas") or {"points": [], "starts": []}
    points, starts = list(map(float, areas["points"])), list(map(int, areas["starts"]))
    ends = [*starts[1:], len(points) // 2]
    return {
        "bounds": list(map(float, scene["bounds"])),
        "areas": [points[2 * start : 2 * end] for start, end in zip(starts, ends, strict=True)],
    }
