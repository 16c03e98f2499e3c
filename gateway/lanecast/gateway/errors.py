"""Errors of the gateway.

LanecastError
└── GatewayError
    ├── UnsafeBinding      asked to listen beyond loopback without a secret
    ├── ProtocolViolation  a WebSocket peer broke the rules; carries the close code
    └── Refused            a request that is understood and not granted; carries what to answer
        ├── TokenMissing   (401, close code 4401)
        ├── TokenInvalid   (401, close code 4401)
        ├── TokenExpired   (401, close code 4410)
        └── Forbidden      (403)
"""

from __future__ import annotations

from lanecast.broker.errors import LanecastError


class GatewayError(LanecastError):
    """The root of this package's errors."""


class UnsafeBinding(GatewayError):
    """Without a secret everybody who can connect is admin, so only loopback is listened on."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"refusing to listen on {host} without a secret, everybody would be admin: "
            "set LANECAST_SECRET (32 characters or more), or listen on 127.0.0.1"
        )
        self.host = host


class ProtocolViolation(GatewayError):
    """A WebSocket peer broke the rules; the connection is to be closed with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class Refused(GatewayError):
    """A request that is not granted.

    `status` is for HTTP, `code` for viewers, `close_code` what a viewer is closed with (0: it is not closed).
    """

    status = 400
    code = "refused"
    close_code = 0

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field


class TokenMissing(Refused):
    """The gateway has a secret, and no token came."""

    status = 401
    code = "token_missing"
    close_code = 4401


class TokenInvalid(Refused):
    """Not a token that was made with the gateway's secret for this audience."""

    status = 401
    code = "token_invalid"
    close_code = 4401


class TokenExpired(Refused):
    """It was valid once."""

    status = 401
    code = "token_expired"
    close_code = 4410


class Forbidden(Refused):
    """The role or the list of runs in the token does not allow it."""

    status = 403
    code = "forbidden"
