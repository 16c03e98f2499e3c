"""Settings of a worker process, from the environment (`LANECAST_…`) or by name."""

from __future__ import annotations

import os
import secrets
import socket
from typing import Annotated, Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from lanecast.broker import logs
from lanecast.broker.connect import DEFAULT_URL
from lanecast.broker.gateways import REAP_EVERY_S


def _default_id() -> str:
    return f"{socket.gethostname()[:40]}-{os.getpid()}-{secrets.token_hex(3)}"


class WorkerSettings(BaseSettings):
    """What a worker may be told.

    Attributes:
        redis_url: the Redis or Valkey server; the forms of a URL are in docs/architecture.md.
        worker_id: names this process among the workers; must be unique.
        tick_ms: frames that come within this time of the last one are taken together.
        keyframe_s: how often a tier's viewers get a keyframe while the state changes.
        checkpoint_s: how far a run's checkpoint may be behind.
        reap_s: how often groups of dead gateways are looked for; one is removed at the second look.
        stats_s: how often a line of counters is logged; 0 means never.
        processors: which to use: `all`, `none`, names with commas; `-NAME` leaves one out. See docs/plugins.md.
        significance: COLUMN or LAYER.COLUMN -> the change below which a value is not sent, for all runs.
        preset: limits of quality: `high-performance` or `high-capacity`. See docs/tuning.md.
        memory_mb: what this process may hold, MiB; 0 means what its container says.
        worker_metrics_port: where `GET /metrics` is answered; 0 means nowhere.
        image_threads: threads that make camera pictures; default: one less than cores, 1 to 4.
        image_bytes: what camera pictures that wait may take, all runs together.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    model_config = SettingsConfigDict(env_prefix="LANECAST_", extra="ignore")

    redis_url: str = Field(default=DEFAULT_URL, repr=False)
    worker_id: str = Field(default_factory=_default_id, min_length=1, max_length=128)
    tick_ms: float = Field(default=33.0, ge=0, le=1_000)
    keyframe_s: float = Field(default=2.0, gt=0, le=60)
    checkpoint_s: float = Field(default=1.0, gt=0, le=60)
    reap_s: float = Field(default=REAP_EVERY_S, gt=0)
    stats_s: float = Field(default=5.0, ge=0)
    processors: str = "all"
    significance: dict[str, Annotated[float, Field(ge=0)]] = {}
    preset: Literal["high-performance", "high-capacity"] = "high-performance"
    memory_mb: float = Field(default=0.0, ge=0)
    worker_metrics_port: int = Field(default=0, ge=0, le=65535)
    image_threads: int = Field(default_factory=lambda: max(1, min(4, len(os.sched_getaffinity(0)) - 1)), ge=1, le=64)
    image_bytes: int = Field(default=128 * 1024 * 1024, ge=1)
    log_level: logs.Level = "info"


class JobsSettings(BaseSettings):
    """What the process that works through jobs may be told.

    Attributes:
        redis_url: where the runs are.
        jobs_redis_url: where the queue of jobs is; default: with the runs. On a Cluster it has to be another server.
        jobs_alive_s: how often the process says that it is alive.
        log_level: `debug`, `info`, `warning` or `error`.
    """

    model_config = SettingsConfigDict(env_prefix="LANECAST_", extra="ignore")

    redis_url: str = Field(default=DEFAULT_URL, repr=False)
    jobs_redis_url: str | None = Field(default=None, repr=False)
    jobs_alive_s: float = Field(default=5.0, gt=0)
    log_level: logs.Level = "info"
