"""One HTTP connection that posts MessagePack; kept open, made again when it breaks. Standard library only."""

from __future__ import annotations

import contextlib
import http.client
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S: Final = 3.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `error` is the map of that name in the body, if there is one."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    retry_s: float = 1.0

    @property
    def error(self) -> dict[str, Any]:
        """Empty if there is none."""
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}


class Poster:
    """Posts to a gateway at `http://host:port`; belongs to one thread."""

    def __init__(self, url: str, token: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url: {url!r} is not http://host:port or https://host:port")
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self.url = url
        self._path = parts.path.rstrip("/")
        self._connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_S)
        self._headers = {"Content-Type": "application/msgpack"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"

    def post(self, path: str, body: Any) -> Answer:
        """Post once and read the answer.

        Raises:
            OSError: nobody answers, or not in time, or not by HTTP.
        """
        try:
            self._connection.request("POST", self._path + path, msgspec.msgpack.encode(body), self._headers)
            response = self._connection.getresponse()
            raw = response.read()
        except http.client.HTTPException as error:
            self._connection.close()
            raise ConnectionError(repr(error)) from None
        except OSError:
            self._connection.close()
            raise
        told: Any = None
        with contextlib.suppress(msgspec.DecodeError):
            told = msgspec.json.decode(raw) if raw else None
        retry_s = 1.0
        with contextlib.suppress(ValueError):
            retry_s = max(0.05, float(response.getheader("Retry-After") or 1.0))
        return Answer(response.status, told if isinstance(told, dict) else {}, retry_s)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
