"""Counters of one gateway process, and their Prometheus text. Pure.

The text is written here because it is three line shapes of a stable format; a client library would bring global
registries and per-sample locks to say the same.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from lanecast.broker.lag import Lag


class Stats:
    """What happened since this process started; only ever rises."""

    __slots__ = (
        "_asked",
        "_per_s",
        "bytes_out",
        "changed",
        "closed",
        "commands",
        "dropped",
        "frames_out",
        "images_out",
        "ingested",
        "messages_out",
        "rejected",
        "started",
    )

    def __init__(self) -> None:
        self.started = time.monotonic()
        self.frames_out = 0
        self.images_out = 0
        self.messages_out = 0
        self.bytes_out = 0
        self.ingested: Counter[str] = Counter()
        self.commands: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.changed: Counter[str] = Counter()
        self._asked = (self.started, (0, 0, 0))
        self._per_s = {"frames_out": 0.0, "messages_out": 0.0, "bytes_out": 0.0}

    def rates(self, now_s: float) -> dict[str, float]:
        """What was sent per second since the last call that was at least a second before."""
        then_s, then = self._asked
        gone_s = max(1e-3, now_s - then_s)
        now = (self.frames_out, self.messages_out, self.bytes_out)
        if gone_s >= 1.0:
            self._asked = (now_s, now)
            names = ("frames_out", "messages_out", "bytes_out")
            per_s = (round((new - old) / gone_s, 1) for new, old in zip(now, then, strict=True))
            self._per_s = dict(zip(names, per_s, strict=True))
        return self._per_s

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {
            "uptime_s": round(time.monotonic() - self.started, 3),
            "frames_out": self.frames_out,
            "images_out": self.images_out,
            "messages_out": self.messages_out,
            "bytes_out": self.bytes_out,
            "ingested": dict(self.ingested),
            "commands": dict(self.commands),
            "dropped": dict(self.dropped),
            "rejected": dict(self.rejected),
            "closed": dict(self.closed),
            "changed": dict(self.changed),
        }


_HELP: Final = {
    "lanecast_gateway_up": ("gauge", "1 while Redis answers."),
    "lanecast_gateway_viewers": ("gauge", "Open viewer connections."),
    "lanecast_gateway_watched_runs": ("gauge", "Runs that somebody watches here."),
    "lanecast_gateway_subscriptions": ("gauge", "Viewers by run and tier."),
    "lanecast_gateway_uptime_seconds": ("gauge", "Age of the process."),
    "lanecast_gateway_frames_total": ("counter", "State frames written to viewers."),
    "lanecast_gateway_images_total": ("counter", "Camera pictures written to viewers."),
    "lanecast_gateway_messages_total": ("counter", "Lossless messages written to viewers."),
    "lanecast_gateway_bytes_total": (
        "counter",
        "Bytes of state frames, camera pictures and lossless messages written to viewers.",
    ),
    "lanecast_gateway_ingested_total": ("counter", "Messages taken by HTTP, by kind."),
    "lanecast_gateway_commands_total": ("counter", "Commands by what became of them."),
    "lanecast_gateway_dropped_total": ("counter", "State frames and camera pictures not written, by cause."),
    "lanecast_gateway_rejected_total": ("counter", "Requests and messages refused, by cause."),
    "lanecast_gateway_closed_total": ("counter", "Viewer connections closed, by close code."),
    "lanecast_gateway_tier_changes_total": ("counter", "Changes of tier by the policy, up and down."),
    "lanecast_lag_entries": ("gauge", "Entries of a stream that a reader has still to read."),
    "lanecast_lag_seconds": ("gauge", "How long the oldest of them has been waiting."),
}


def prometheus(
    stats: Stats, *, node: str, up: bool, viewers: int, runs: int, subscriptions: Iterable[tuple[str, str, int]],
    lags: Sequence[Lag] = (),
) -> str:  # fmt: skip
    """The text exposition format, version 0.0.4. `subscriptions` are (run, tier, viewers).

    What counts in one process says its node: of several on one port, a scrape reaches any.
    """
    readers = [({"run": row.run, "stream": row.stream, "reader": row.reader}, row) for row in lags]
    samples: list[tuple[str, Mapping[str, str], float]] = [
        ("lanecast_gateway_up", {}, int(up)),
        ("lanecast_gateway_viewers", {}, viewers),
        ("lanecast_gateway_watched_runs", {}, runs),
        *(("lanecast_gateway_subscriptions", {"run": run, "tier": tier}, n) for run, tier, n in subscriptions),
        ("lanecast_gateway_uptime_seconds", {}, round(time.monotonic() - stats.started, 3)),
        ("lanecast_gateway_frames_total", {}, stats.frames_out),
        ("lanecast_gateway_images_total", {}, stats.images_out),
        ("lanecast_gateway_messages_total", {}, stats.messages_out),
        ("lanecast_gateway_bytes_total", {}, stats.bytes_out),
        *(("lanecast_gateway_ingested_total", {"kind": name}, n) for name, n in stats.ingested.items()),
        *(("lanecast_gateway_commands_total", {"outcome": name}, n) for name, n in stats.commands.items()),
        *(("lanecast_gateway_dropped_total", {"cause": name}, n) for name, n in stats.dropped.items()),
        *(("lanecast_gateway_rejected_total", {"cause": name}, n) for name, n in stats.rejected.items()),
        *(("lanecast_gateway_closed_total", {"code": name}, n) for name, n in stats.closed.items()),
        *(("lanecast_gateway_tier_changes_total", {"to": name}, n) for name, n in stats.changed.items()),
        *(("lanecast_lag_entries", labels, row.entries) for labels, row in readers),
        *(("lanecast_lag_seconds", labels, round(row.age_s, 3)) for labels, row in readers),
    ]
    lines: list[str] = []
    last = ""
    for name, labels, value in samples:
        if name != last:
            kind, text = _HELP[name]
            lines += (f"# HELP {name} {text}", f"# TYPE {name} {kind}")
            last = name
        own = {"node": node} if name.startswith("lanecast_gateway_") else {}
        lines.append(f"{name}{_labels({**own, **labels})} {value}")
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (
        f'{name}="{value.translate({92: chr(92) * 2, 34: chr(92) + chr(34), 10: chr(92) + "n"})}"'
        for name, value in labels.items()
    )
    return "{" + ",".join(pairs) + "}"
