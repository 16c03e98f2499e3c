"""Settings that the commands share, from the environment (`LANECAST_…`), and where a running `up` is found."""

from __future__ import annotations

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from lanecast.broker import logs
from lanecast.broker.connect import DEFAULT_URL
from lanecast.ops import folder
from lanecast.ops.problem import Problem

DEFAULT_GATEWAY: str = "http://127.0.0.1:8080"


class OpsSettings(BaseSettings):
    """What the commands of `lanecast` may be told; what is not set is found by the `up` that runs in ./data.

    Attributes:
        redis_url: the Redis or Valkey server.
        url: of a gateway, for `watch`.
        token: sent to a gateway that asks for one; `lanecast token` makes it.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    model_config = SettingsConfigDict(env_prefix="LANECAST_")

    redis_url: str | None = None
    url: str | None = None
    token: SecretStr | None = None
    log_level: logs.Level = "info"


def redis_url(given: str | None = None) -> str:
    """The server to use: as given, by the environment, of the `up` that runs in ./data, or the usual one."""
    state = running()
    return given or OpsSettings().redis_url or (state.redis_url if state else DEFAULT_URL)


def gateway_url(given: str | None = None) -> str:
    """The gateway to use, found like `redis_url`; without a slash at its end."""
    state = running()
    return (given or OpsSettings().url or (state.url if state else DEFAULT_GATEWAY)).rstrip("/")


def running() -> folder.State | None:
    """The `up` that runs in ./data, if there is one."""
    return folder.read_state(folder.Folder(folder.DEFAULT).state)


def explained(error: ValueError) -> Problem | None:
    """What is wrong in the environment, if that is what the error is about; the first of several."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return Problem(f"LANECAST_{'.'.join(str(part) for part in first['loc']).upper()}: {first['msg']}")
    if isinstance(error, SettingsError):
        # Its text is `error parsing value for field "NAME" from source "…"`.
        named = str(error).split('"')
        name = f"LANECAST_{named[1].upper()}" if len(named) > 1 else "a variable"
        return Problem(f"{name} is not JSON: {error.__cause__}", 'A map looks like {"speed": 0.5}, quotes included.')
    return None
