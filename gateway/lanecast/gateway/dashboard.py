"""The dashboard's files. Hashed assets never change and may be kept for ever; everything else is asked for anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

_HERE: Final = Path(__file__).parent
_MISSING: Final = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Lanecast</title>
<h1>The dashboard is not built</h1>
<p>This gateway works, but it has no dashboard to show. In the source tree run <code>make web</code> and load this page
again, or set <code>LANECAST_WEB_ROOT</code> to a folder with a built one. The API answers at
<a href="/api/runs">/api/runs</a>.</p>
</html>
"""


def find(web_root: Path | None) -> Path | None:
    """The folder of the built dashboard: `web_root`, or the package's, or the source tree's."""
    candidates = [web_root] if web_root else [_HERE / "static", _HERE.parents[2] / "web" / "dist"]
    return next((folder for folder in candidates if (folder / "index.html").is_file()), None)


class Dashboard:
    """ASGI application for everything under `/` that is not the API; looks again as long as nothing is built."""

    def __init__(self, web_root: Path | None) -> None:
        self._web_root = web_root
        self._files: _Files | None = None

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer a request."""
        if self._files is None and (folder := find(self._web_root)) is not None:
            self._files = _Files(directory=folder, html=True)
        if self._files is not None:
            await self._files(scope, receive, send)
        else:
            status = 503 if scope["path"] == "/" else 404
            await HTMLResponse(_MISSING, status, {"Cache-Control": "no-store"})(scope, receive, send)


class _Files(StaticFiles):
    def file_response(self, full_path: Any, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(full_path, *args, **kwargs)
        hashed = Path(full_path).parent.name == "assets"
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable" if hashed else "no-cache"
        return response
