"""Makes the dashboards for Grafana next to this file: a table of panels is easier to keep than their JSON.

`python ops/grafana/make_dashboards.py`; a test compares what it makes with the files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final, NamedTuple

HERE: Final = Path(__file__).parent
WIDTH, HEIGHT, COLUMNS = 8, 7, 3
VIEWERS_AGE: Final = "lanecast_gateway_frame_age_seconds"
WORKER_AGE: Final = "lanecast_worker_frame_age_seconds"


class Panel(NamedTuple):
    """One chart: its title, the unit as Grafana calls it, and query and legend of each line."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]


def quantile(metric: str, by: str, q: float = 0.99) -> str:
    """The q-th part of a histogram, by one label."""
    return f"histogram_quantile({q}, sum by ({by}, le) (rate({metric}_bucket[$__rate_interval])))"


def rate(metric: str, by: str) -> str:
    """How often a second, by some labels."""
    return f"sum by ({by}) (rate({metric}[$__rate_interval]))"


def total(metric: str) -> str:
    """How often a second, all together."""
    return f"sum(rate({metric}[$__rate_interval]))"


DASHBOARDS: Final[dict[str, tuple[str, tuple[Panel, ...]]]] = {
    "overview": ("Lanecast: overview", (
        Panel("Viewers by tier", "short", (("sum by (tier) (lanecast_gateway_subscriptions)", "{{tier}}"),)),
        Panel("Age of frames at viewers, 99 %", "s", ((quantile(VIEWERS_AGE, "tier"), "{{tier}}"),)),
        Panel("Lag of workers", "s", (
            ('max by (run, stream) (lanecast_lag_seconds{reader="workers"})', "{{run}} {{stream}}"),
        )),
        Panel("Runs by state", "short", (("max by (state) (lanecast_runs)", "{{state}}"),)),
        Panel("Quality given up", "short", (("max by (run) (lanecast_worker_quality_level)", "{{run}}"),)),
        Panel("Memory of Redis, of its limit", "percentunit", (("max(lanecast_redis_memory)", "fullest server"),)),
        Panel("Frames to viewers", "ops", ((rate("lanecast_gateway_frames_total", "node"), "{{node}}"),)),
        Panel("Bytes to viewers", "Bps", ((rate("lanecast_gateway_bytes_total", "node"), "{{node}}"),)),
        Panel("Processes that answer", "short", (('sum by (job) (up{job=~"lanecast-.*"})', "{{job}}"),)),
    )),
    "hops": ("Lanecast: the way of a frame", (
        Panel("Age at each hop of the worker, 99 %", "s", ((quantile(WORKER_AGE, "hop"), "{{hop}}"),)),
        Panel("Age at viewers, median", "s", ((quantile(VIEWERS_AGE, "tier", 0.5), "{{tier}}"),)),
        Panel("Waiting for a commit", "ms", (
            (f"{total('lanecast_worker_commit_ms_total')} / {total('lanecast_worker_commits_total')}", "each"),
        )),
        Panel("Messages handled by workers", "ops", (
            (rate("lanecast_worker_messages_total", "instance"), "{{instance}}"),
        )),
        Panel("Left out by workers, by cause", "ops", (
            (rate("lanecast_worker_dropped_total", "lane, cause"), "{{lane}} {{cause}}"),
        )),
        Panel("Refused and trimmed", "ops", (
            (rate("lanecast_worker_rejected_total", "lane, cause"), "{{lane}} {{cause}}"),
            (rate("lanecast_worker_trimmed_total", "lane"), "{{lane}} trimmed"),
        )),
        Panel("Left out by gateways, by cause", "ops", (
            (rate("lanecast_gateway_dropped_total", "cause"), "{{cause}}"),
        )),
        Panel("Lag of gateways", "s", (('max by (reader) (lanecast_lag_seconds{reader=~"gw:.*"})', "{{reader}}"),)),
        Panel("Connections closed, by code", "ops", ((rate("lanecast_gateway_closed_total", "code"), "{{code}}"),)),
        Panel("Changes of tier", "ops", ((rate("lanecast_gateway_tier_changes_total", "to"), "to {{to}}"),)),
        Panel("Decisions of quality and flow", "ops", (
            (rate("lanecast_worker_quality_changes_total", "to"), "quality {{to}}"),
            (rate("lanecast_worker_flow_changes_total", "to"), "flow {{to}}"),
        )),
        Panel("Commands", "ops", ((rate("lanecast_gateway_commands_total", "outcome"), "{{outcome}}"),)),
    )),
    "processes": ("Lanecast: processes", (
        Panel("Memory", "bytes", (("process_resident_memory_bytes{job=~\"lanecast-.*\"}", "{{job}} {{instance}}"),)),
        Panel("CPU, in cores", "short", (
            (rate("process_cpu_seconds_total", "job, instance"), "{{job}} {{instance}}"),
        )),
        Panel("Delay of event loops, 99 %", "s", (
            (quantile("lanecast_loop_delay_seconds", "job, instance"), "{{job}} {{instance}}"),
        )),
        Panel("Open files", "short", (("process_open_fds{job=~\"lanecast-.*\"}", "{{job}} {{instance}}"),)),
        Panel("Viewers by gateway", "short", (("sum by (node) (lanecast_gateway_viewers)", "{{node}}"),)),
        Panel("Runs by worker", "short", (("sum by (instance) (lanecast_worker_runs)", "{{instance}}"),)),
        Panel("Takeovers and restarts", "ops", (
            (rate("lanecast_worker_takeovers_total", "instance"), "{{instance}} takeovers"),
            (rate("lanecast_worker_restarts_total", "instance"), "{{instance}} restarts"),
        )),
        Panel("Jobs", "ops", ((rate("lanecast_jobs_total", "name, outcome"), "{{name}} {{outcome}}"),)),
        Panel("Memory of runs in Redis", "bytes", (("max by (run) (lanecast_run_bytes)", "{{run}}"),)),
    )),
}  # fmt: skip


def dashboard(uid: str, title: str, panels: tuple[Panel, ...]) -> dict[str, Any]:
    """The JSON of one, as plain values."""
    return {
        "uid": f"lanecast-{uid}",
        "title": title,
        "tags": ["lanecast"],
        "timezone": "browser",
        "schemaVersion": 39,
        "refresh": "10s",
        "time": {"from": "now-30m", "to": "now"},
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": {"type": "prometheus", "uid": "prometheus"},
        "gridPos": {"x": number % COLUMNS * WIDTH, "y": number // COLUMNS * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + place), "expr": expr, "legendFormat": legend}
            for place, (expr, legend) in enumerate(panel.queries)
        ],
    }


def files() -> dict[Path, str]:
    """What is to be in which file."""
    return {
        HERE / "dashboards" / f"{uid}.json": json.dumps(dashboard(uid, title, panels), indent=1) + "\n"
        for uid, (title, panels) in DASHBOARDS.items()
    }


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text, "utf-8")
