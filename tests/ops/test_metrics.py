"""What is written about metrics, alerts and dashboards is true: only metrics that exist, and all of them explained."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
import urllib.parse
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.compose.stack import wait_for
from tests.support.servers import free_port

from lanecast.ops.families import series, tables

# What Prometheus itself adds to every series, and its own metric for a scrape.
ADDED = {"job", "instance"}
FOREIGN = {"up": frozenset[str]()}
WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
FUNCTIONS = {
    "and", "or", "by", "sum", "max", "min", "count", "rate", "increase", "histogram_quantile", "vector", "without",
    "on", "ignoring", "avg", "delta", "le",
}  # fmt: skip

promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (package prometheus)")


def asked(expr: str) -> tuple[set[str], set[str]]:
    """The metrics and the labels that a query names."""
    labels = {word for group in re.findall(r"\b(?:by|without)\s*\(([^)]*)\)", expr) for word in WORDS.findall(group)}
    bare = re.sub(r"\b(?:by|without)\s*\([^)]*\)", " ", expr)
    for braces in re.findall(r"\{([^}]*)\}", bare):
        labels |= {name for name, _ in re.findall(r'(\w+)\s*(=~|!~|!=|=)\s*"', braces)}
    bare = re.sub(r'\{[^}]*\}|\[[^\]]*\]|"[^"]*"', " ", bare)
    return set(WORDS.findall(bare)) - FUNCTIONS, labels


def alerts(root: Path) -> list[dict[str, Any]]:
    groups = yaml.safe_load((root / "ops/prometheus/rules.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard_queries(root: Path) -> list[str]:
    found = []
    for path in sorted((root / "ops/grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            found += [target["expr"] for target in panel["targets"]]
    return found


def check(expr: str) -> None:
    known = series() | FOREIGN
    metrics, labels = asked(expr)
    assert metrics, expr
    assert metrics <= known.keys(), f"{expr} asks for what nobody tells: {metrics - known.keys()}"
    there = ADDED.union(*(known[name] for name in metrics))
    assert labels <= there, f"{expr} asks by labels that are not there: {labels - there}"


def test_every_metric_is_explained_in_the_docs_as_it_is_in_the_code(root: Path) -> None:
    assert (root / "docs/metrics.md").read_text().endswith(tables()), "run `python -m lanecast.ops.families`"


def test_the_docs_ask_only_for_metrics_that_exist(root: Path) -> None:
    text = (root / "docs/metrics.md").read_text().partition("## All of them")[0]
    for page in (root / "docs/runbooks").glob("*.md"):
        text += page.read_text()
    named = set(re.findall(r"\blanecast_[a-z_]+", text))
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in series()} | series().keys()
    assert named <= families, named - families


def test_dashboards_ask_only_for_metrics_and_labels_that_exist(root: Path) -> None:
    queries = dashboard_queries(root)
    assert len(queries) > 25
    for expr in queries:
        check(expr)


def test_the_dashboards_are_what_their_table_makes(root: Path) -> None:
    script = root / "ops/grafana/make_dashboards.py"
    made = {path.name: text for path, text in runpy.run_path(str(script))["files"]().items()}
    assert made == {path.name: path.read_text() for path in (root / "ops/grafana/dashboards").glob("*.json")}


def test_alerts_ask_only_for_metrics_and_labels_that_exist(root: Path) -> None:
    for rule in alerts(root):
        check(rule["expr"])


def test_a_query_for_a_metric_that_nobody_tells_would_be_found() -> None:
    with pytest.raises(AssertionError, match="nobody tells"):
        check("sum by (run) (rate(lanecast_gateway_sunshine_total[1m]))")
    with pytest.raises(AssertionError, match="not there"):
        check("sum by (moon) (rate(lanecast_gateway_frames_total[1m]))")


def test_every_alert_has_its_runbook_and_every_runbook_its_alert(root: Path) -> None:
    rules = alerts(root)
    for rule in rules:
        assert rule["annotations"]["runbook"] == f"docs/runbooks/{rule['alert']}.md"
        page = (root / rule["annotations"]["runbook"]).read_text()
        assert page.startswith(f"# {rule['alert']}\n")
        assert "## Look" in page
        assert "## Do" in page
    pages = {path.stem for path in (root / "docs/runbooks").glob("*.md")} - {"README"}
    assert pages == {rule["alert"] for rule in rules}
    index = (root / "docs/runbooks/README.md").read_text()
    assert set(re.findall(r"\]\((\w+)\.md\):", index)) == pages


@promtool
def test_promtool_takes_the_rules_and_each_comes_when_it_should(root: Path) -> None:
    folder = root / "ops/prometheus"
    for words in (("check", "config", "prometheus.yml"), ("test", "rules", "rules_test.yml")):
        done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.integration
@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus is not installed")
def test_prometheus_scrapes_all_three_kinds_of_process_and_knows_every_metric_by_its_type(
    root: Path, tmp_path: Path, redis_url: str
) -> None:
    ports = {name: free_port() for name in ("gateway", "worker", "jobs")}
    server = free_port()
    jobs = [
        {
            "job_name": f"lanecast-{name}",
            "static_configs": [{"targets": [f"127.0.0.1:{port}"]}],
        }
        for name, port in ports.items()
    ]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": jobs,
    }))  # fmt: skip
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")}
    bare |= {"LANECAST_REDIS_URL": redis_url, "LANECAST_PORT": str(free_port())}
    commands = {"gateway": ["gateway"], "worker": ["worker"], "jobs": ["jobs", "work"]}
    parts = []
    try:
        for name, words in commands.items():
            env = bare | {"LANECAST_METRICS_PORT": str(ports[name])}
            parts.append(
                subprocess.Popen([sys.executable, "-m", "lanecast.ops", *words], env=env, stderr=subprocess.DEVNULL)
            )
        parts.append(subprocess.Popen([
            "prometheus", f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{server}", "--log.level=error",
        ]))  # fmt: skip
        api = f"http://127.0.0.1:{server}/api/v1/"

        def ask(what: str, **params: str) -> Any:
            try:
                query = urllib.parse.urlencode(params)
                return httpx.get(f"{api}{what}?{query}", trust_env=False).json()["data"]
            except (httpx.HTTPError, ValueError):
                return None

        def up() -> bool:
            data = ask("query", query='up{job=~"lanecast-.*"} == 1')
            return data is not None and len(data["result"]) == len(ports)

        wait_for(up, 60, "three targets that are up")
        wanted_series = (
            "lanecast_gateway_up == 1",
            "lanecast_worker_runs",
            "lanecast_jobs_up == 1",
            "process_open_fds",
        )
        wait_for(
            lambda: all(ask("query", query=one)["result"] for one in wanted_series), 20, f"each of {wanted_series}"
        )
        told = ask("metadata")
        kinds = {name: rows[0]["type"] for name, rows in told.items() if name.startswith("lanecast_")}
        assert len(kinds) > 20
        wanted = {line.split("`")[1]: line.split(" | ")[1] for line in tables().splitlines() if line.startswith("| `")}
        assert kinds.items() <= wanted.items()
    finally:
        for part in parts:
            part.terminate()
        for part in parts:
            part.wait(20)
