"""Settings of a gateway process, from arguments or from the environment (`LANECAST_…`)."""

from __future__ import annotations

import ipaddress
import os
import secrets
import socket
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from lanecast.broker import logs
from lanecast.broker.connect import DEFAULT_URL
from lanecast.broker.rates import INGEST_PRODUCER_PER_S, INGEST_RUN_PER_S

SECRET_MIN: Final = 32
"""Characters; a key shorter than the hash weakens HS256."""

Words = Annotated[tuple[str, ...], NoDecode]
"""In the environment: separated by commas."""


def default_node() -> str:
    """`HOST-PID-RANDOM`: names one life of one process."""
    host = "".join(c if c.isalnum() or c in "-_" else "-" for c in socket.gethostname()) or "host"
    return f"{host[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


class GatewaySettings(BaseSettings):
    """What a gateway needs to know.

    Attributes:
        redis_url: the Redis or Valkey server.
        host: address to listen on; anything but loopback needs a secret.
        port: to listen on; 0 takes a free one.
        node: names this process in consumer groups and heartbeats.
        secret: key of the tokens (HS256), 32 characters or more; without it everybody on loopback is admin.
        origins: exact origins (`https://host:port`) that browsers may come from; the gateway's own always may.
        hosts: Host headers that are answered besides loopback's, where there is no secret.
        proxies: addresses or networks (`10.0.0.0/8`) of load balancers whose word about who the client is is taken
            (X-Forwarded-For).
        web_root: folder of the built dashboard; default: in the package, else in the source tree.
        reuse_port: several processes may listen on one port.
        max_viewers: WebSocket connections of this process.
        max_per_user: WebSocket connections of one user (`sub` of the token).
        max_runs: runs one connection may watch.
        auth_timeout_s: how long a connection may wait with its token.
        ping_s: how often every viewer is pinged; one that answers nothing until the next ping is let go.
        freshness_ms: how old the data in a viewer's connection may get before state frames are skipped.
        backlog_bytes: how much may wait for a viewer in this process before state frames are skipped.
        lossless_bytes: how much may wait for a viewer that is late, before it is closed as too slow.
        sndbuf_bytes: SO_SNDBUF of a viewer's socket; large kernel buffers hide slowness.
        writer: how frames are written: `native` (past the transports, without the GIL), `python`, or `auto`: the native
            one where it is installed.
        messages_per_s: what a viewer may send on average; five times as many at once.
        ingest_per_s: messages of one run that this process takes by HTTP; a second's worth at once.
        ingest_per_producer_s: the same for one producer of a run.
        command_timeout_s: how long an HTTP command waits for its result.
        log_level: debug, info, warning or error.
    """

    model_config = SettingsConfigDict(env_prefix="LANECAST_", extra="ignore", frozen=True)

    redis_url: str = DEFAULT_URL
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    node: str = Field(default_factory=default_node, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")
    secret: SecretStr | None = None
    origins: Words = ()
    hosts: Words = ()
    proxies: Words = ()
    web_root: Path | None = None
    reuse_port: bool = False
    max_viewers: int = Field(default=10_000, ge=1)
    max_per_user: int = Field(default=64, ge=1)
    max_runs: int = Field(default=32, ge=1)
    auth_timeout_s: float = Field(default=10.0, gt=0)
    ping_s: float = Field(default=20.0, gt=0)
    freshness_ms: float = Field(default=500.0, gt=0)
    backlog_bytes: int = Field(default=1_048_576, ge=16_384)
    lossless_bytes: int = Field(default=4_194_304, ge=16_384)
    sndbuf_bytes: int = Field(default=131_072, ge=4_096)
    writer: Literal["auto", "native", "python"] = "auto"
    messages_per_s: float = Field(default=50.0, gt=0)
    ingest_per_s: float = Field(default=INGEST_RUN_PER_S, gt=0)
    ingest_per_producer_s: float = Field(default=INGEST_PRODUCER_PER_S, gt=0)
    command_timeout_s: float = Field(default=5.0, gt=0)
    log_level: logs.Level = "info"

    @field_validator("origins", "hosts", "proxies", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(word.strip().rstrip("/").lower() for word in value.split(",") if word.strip())
        return value

    @field_validator("origins")
    @classmethod
    def _exact(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if "*" in origin or "://" not in origin:
                raise ValueError(f"{origin!r} is not an exact origin such as https://dashboard.example.org")
        return value

    @field_validator("proxies")
    @classmethod
    def _addresses(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in value:
            try:
                ipaddress.ip_network(proxy)
            except ValueError:
                raise ValueError(f"{proxy!r} is neither an address nor a network such as 10.0.0.0/8") from None
        return value

    @field_validator("secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is None or not value.get_secret_value():
            return None
        if len(value.get_secret_value().encode()) < SECRET_MIN:
            raise ValueError(f"too short: {SECRET_MIN} characters or more, such as from `openssl rand -hex 32`")
        return value

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can connect."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host.strip("[]")).is_loopback
        except ValueError:
            return False

    @property
    def key(self) -> str | None:
        """The secret's text."""
        return None if self.secret is None else self.secret.get_secret_value()
