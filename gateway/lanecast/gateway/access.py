"""Who may do what: tokens and roles, origins, Host headers. Pure.

Tokens are JWTs signed with HS256. Claims: `sub` the user, `role`, `runs` (a list of ids, or "*"), `exp`, `aud`
"lanecast". They travel in the Authorization header or in a viewer's `auth` message; a URL ends up in logs.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jwt

from lanecast.gateway.errors import Forbidden, TokenExpired, TokenInvalid

AUDIENCE: Final = "lanecast"
WATCH: Final = "watch"
COMMAND: Final = "command"
INGEST: Final = "ingest"
MANAGE: Final = "manage"

RIGHTS: Final[dict[str, frozenset[str]]] = {
    "viewer": frozenset({WATCH}),
    "controller": frozenset({WATCH, COMMAND}),
    "publisher": frozenset({WATCH, INGEST}),
    "admin": frozenset({WATCH, COMMAND, INGEST, MANAGE}),
}
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_TOKEN_NAMES: Final = frozenset({"token", "access_token", "id_token", "jwt", "auth", "authorization", "bearer"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody whose token was checked.

    Attributes:
        user: `sub` of the token.
        role: one of RIGHTS.
        runs: ids of the runs it is about; None means all.
        expires_s: Unix time; None means never.
    """

    user: str
    role: str
    runs: frozenset[str] | None = None
    expires_s: float | None = None

    def sees(self, run: str) -> bool:
        """Whether the token is about this run."""
        return self.runs is None or run in self.runs

    def require(self, right: str, run: str | None = None) -> None:
        """Raises Forbidden unless the role has `right` and the token is about `run`."""
        if right not in RIGHTS[self.role]:
            able = " or ".join(role for role, rights in RIGHTS.items() if right in rights)
            raise Forbidden(f"role {self.role} may not {right}; role {able} may", "role")
        if run is not None and not self.sees(run):
            raise Forbidden(f"the token is not about run {run!r}", "run")


LOCAL_ADMIN: Final = Identity("local", "admin")
"""Everybody, where there is no secret (and only loopback is listened on)."""


def read_token(token: str, secret: str) -> Identity:
    """Check a token.

    Raises:
        TokenExpired: it was valid once.
        TokenInvalid: anything else is wrong with it.
    """
    try:
        claims: dict[str, Any] = jwt.decode(
            token, secret, algorithms=["HS256"], audience=AUDIENCE, options={"require": ["sub", "exp", "aud"]}
        )
    except jwt.ExpiredSignatureError:
        raise TokenExpired("the token has expired; get a new one", "token") from None
    except jwt.InvalidTokenError as error:
        raise TokenInvalid(f"the token is not valid: {error}", "token") from None
    role, runs = claims.get("role"), claims.get("runs")
    if role not in RIGHTS:
        raise TokenInvalid(f"the token's role {role!r:.40} is not one of {', '.join(RIGHTS)}", "role")
    if runs != "*" and not (isinstance(runs, list) and all(isinstance(run, str) for run in runs)):
        raise TokenInvalid('the token\'s runs are neither a list of ids nor "*"', "runs")
    return Identity(str(claims["sub"]), role, None if runs == "*" else frozenset(runs), float(claims["exp"]))


def bearer(authorization: str | None) -> str | None:
    """The token of an Authorization header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def token_in_query(query: bytes) -> str | None:
    """The name of a query parameter that looks like a token, if there is one."""
    names = (name.lower() for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True))
    return next((name for name in names if name in _TOKEN_NAMES), None)


def origin_allowed(origin: str | None, host: str | None, allowed: Collection[str]) -> bool:
    """Whether a browser page from `origin` may talk to a gateway that it knows as `host`.

    No Origin header: not a browser. Otherwise the gateway's own origin, or exactly one of `allowed`.
    """
    if origin is None:
        return True
    origin = origin.lower()
    if origin in allowed:
        return True
    parts = urlsplit(origin)
    return bool(host) and parts.scheme in ("http", "https") and parts.netloc == (host or "").lower()


def host_allowed(host: str | None, allowed: Collection[str]) -> bool:
    """Whether a Host header names this machine, not a stranger's name that was made to point here (DNS rebinding)."""
    name = (host or "").lower()
    if name in allowed:
        return True
    if not name.endswith("]"):
        name, colon, port = name.rpartition(":")
        if not colon:
            name = port
        elif not port.isdigit():
            return False
    return name in _LOOPBACK or name in allowed
