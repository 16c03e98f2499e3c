"""The API's page, `/docs`: Swagger UI on the OpenAPI document, all of it from this gateway, no script in the page."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from lanecast.gateway import models

URL: Final = "/docs"
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Lanecast: the HTTP API</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/docs/assets/swagger-ui.css"></head>
<body><div id="swagger-ui"></div>
<script src="/docs/assets/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script></body></html>
"""
_START: Final = """SwaggerUIBundle({
  url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null,
});
"""


def add(app: FastAPI) -> None:
    """Add the page and the document; to be called before anything is mounted on `/`."""

    async def page() -> Response:
        return HTMLResponse(_PAGE)

    async def start() -> Response:
        return Response(_START, media_type="text/javascript")

    app.get(URL, include_in_schema=False)(page)
    app.get(f"{URL}/start.js", include_in_schema=False)(start)
    app.mount(f"{URL}/assets", StaticFiles(directory=_assets()))
    app.openapi = lambda: _document(app)  # type: ignore[method-assign]


def _assets() -> Path:
    """The folder of Swagger UI's files, which `fastapi-offline` carries; its code is not used."""
    spec = importlib.util.find_spec("fastapi_offline")
    if spec is None or spec.origin is None:
        raise ImportError("fastapi-offline is missing: install lanecast[server]")
    return Path(spec.origin).parent / "static"


def _document(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        document = get_openapi(
            title="Lanecast gateway",
            version="1",
            summary="Runs, their newest state, commands, publishing, statistics.",
            description="The page for people is docs/protocol/http.md. Where the gateway has a secret every request "
            "needs a token, `Authorization: Bearer TOKEN`; health and this page do not.",
            routes=app.routes,
        )
        parts = document.setdefault("components", {})
        schemas = parts.setdefault("schemas", {})
        for model in models.BODIES:
            schemas.setdefault(model.__name__, model.model_json_schema(ref_template="#/components/schemas/{model}"))
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        document["security"] = [{"token": []}]
        app.openapi_schema = document
    return app.openapi_schema
