from __future__ import annotations

import time
from typing import Any

import jwt
import pytest

from lanecast.gateway import access
from lanecast.gateway.access import Identity
from lanecast.gateway.errors import Forbidden, Refused, TokenExpired, TokenInvalid

KEY = "0123456789abcdef0123456789abcdef"


def token(algorithm: str = "HS256", key: str = KEY, **changes: Any) -> str:
    claims = {"sub": "ann", "role": "viewer", "runs": "*", "exp": time.time() + 3600, "aud": "lanecast", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, key, algorithm)


def test_a_token_says_who_and_what() -> None:
    identity = access.read_token(token(role="controller", runs=["a", "b"]), KEY)
    assert (identity.user, identity.role, identity.runs) == ("ann", "controller", frozenset({"a", "b"}))
    assert identity.expires_s is not None
    assert identity.expires_s > time.time()
    assert access.read_token(token(), KEY).runs is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        pytest.param(token(exp=time.time() - 1), TokenExpired, id="expired"),
        pytest.param(token(exp=None), TokenInvalid, id="without an end"),
        pytest.param(token(sub=None), TokenInvalid, id="nobody's"),
        pytest.param(token(aud=None), TokenInvalid, id="for nobody"),
        pytest.param(token(aud="other"), TokenInvalid, id="for somebody else"),
        pytest.param(token(key="f" * 32), TokenInvalid, id="another key"),
        pytest.param(token(algorithm="HS512", key="f" * 64), TokenInvalid, id="another algorithm"),
        pytest.param(token(role="root"), TokenInvalid, id="unknown role"),
        pytest.param(token(role=None), TokenInvalid, id="no role"),
        pytest.param(token(runs=None), TokenInvalid, id="no runs"),
        pytest.param(token(runs="a"), TokenInvalid, id="runs are no list"),
        pytest.param(token(runs=[1]), TokenInvalid, id="runs are no ids"),
        pytest.param("x", TokenInvalid, id="noise"),
        pytest.param(
            "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJhIiwicm9sZSI6ImFkbWluIn0.", TokenInvalid, id="unsigned"
        ),
    ],
)
def test_any_other_token_is_refused(text: str, error: type[Refused]) -> None:
    with pytest.raises(error):
        access.read_token(text, KEY)


@pytest.mark.parametrize(
    ("role", "may"),
    [
        ("viewer", {"watch"}),
        ("controller", {"watch", "command"}),
        ("publisher", {"watch", "ingest"}),
        ("admin", {"watch", "command", "ingest"}),
    ],
)
def test_what_each_role_may(role: str, may: set[str]) -> None:
    identity = Identity("ann", role, frozenset({"a"}))
    for right in ("watch", "command", "ingest"):
        if right in may:
            identity.require(right, "a")
            with pytest.raises(Forbidden, match="not about run"):
                identity.require(right, "b")
        else:
            with pytest.raises(Forbidden, match=f"role {role} may not"):
                identity.require(right, "a")


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, None), ("", None), ("Bearer", None), ("Bearer ", None), ("Basic abc", None),
        ("Bearer abc", "abc"), ("bearer  abc ", "abc"),
    ],
)  # fmt: skip
def test_the_authorization_header(header: str | None, found: str | None) -> None:
    assert access.bearer(header) == found


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (b"", None),
        (b"v=7", None),
        (b"token=x", "token"),
        (b"a=1&Access_Token=", "access_token"),
        (b"%74oken=x", "token"),
    ],
)
def test_tokens_in_urls_are_noticed(query: bytes, name: str | None) -> None:
    assert access.token_in_query(query) == name


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "a:1", True),
        ("http://a:1", "a:1", True),
        ("https://A", "a", True),
        ("https://dash.example", "a", True),
        ("http://a:2", "a:1", False),
        ("null", "a", False),
        ("", "a", False),
        ("file://a", "a", False),
        ("https://dash.example.evil", "a", False),
        ("http://a", None, False),
    ],
)
def test_origins(origin: str | None, host: str | None, allowed: bool) -> None:
    assert access.origin_allowed(origin, host, {"https://dash.example"}) is allowed


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("localhost", True), ("LOCALHOST:80", True), ("127.0.0.1:8080", True), ("[::1]", True), ("[::1]:8080", True),
        ("named", True), ("named:1", True), ("127.0.0.1.evil", False), ("evil:127", False), ("localhost:x", False),
        ("", False), (None, False), ("127.0.0.2", False), ("[::2]:80", False),
    ],
)  # fmt: skip
def test_host_headers(host: str | None, allowed: bool) -> None:
    assert access.host_allowed(host, {"named"}) is allowed
