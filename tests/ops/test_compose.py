"""compose.yaml as it is written; `tests/compose` starts it."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

SECRETS = {
    "LANECAST_SECRET": "s" * 32,
    "LANECAST_REDIS_PASSWORD": "p" * 16,
    "COMPOSE_REDIS_URL": f"redis://:{'p' * 16}@valkey:6379/0",
}
OURS = ("LANECAST_", "COMPOSE_")
BARE = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}

composes = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")


def config(root: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    # Another project folder, so that the .env of whoever runs the tests does not count.
    return subprocess.run(
        ["docker-compose", "--project-directory", str(root / "ops"), "-f", "compose.yaml", "config"],
        cwd=root, env=BARE | env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def services(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((root / "compose.yaml").read_text())["services"]
    return found


@composes
def test_the_compose_file_is_valid_and_every_part_uses_the_one_server(root: Path) -> None:
    done = config(root, SECRETS)
    assert done.returncode == 0, done.stderr
    parts = yaml.safe_load(done.stdout)["services"]
    for name in ("worker", "jobs", "gateway", "demo"):
        assert parts[name]["environment"]["LANECAST_REDIS_URL"] == SECRETS["COMPOSE_REDIS_URL"]


@composes
@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_nothing_is_started_and_it_is_named(root: Path, missing: str) -> None:
    done = config(root, {name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr
    assert "make secrets" in done.stderr


def test_images_and_versions_are_pinned(root: Path) -> None:
    for name, part in services(root).items():
        image = part["image"]
        assert re.search(r":(v?\d|\$\{LANECAST_TAG)", image), f"{name}: {image}"
    assert "FROM python:3.11-slim-bookworm AS base" in (root / "ops" / "docker" / "Dockerfile").read_text()


def test_only_the_balancers_are_published_and_what_has_no_login_on_loopback_only(root: Path) -> None:
    published = {name: part["ports"] for name, part in services(root).items() if "ports" in part}
    assert set(published) == {"nginx", "haproxy", "prometheus", "grafana"}
    for name in ("prometheus", "grafana"):
        assert all(port.startswith("127.0.0.1:") for port in published[name])
    assert "networks" in services(root)["valkey"]
    assert services(root)["nginx"]["networks"] == ["front"], "what strangers reach does not reach the server"


def test_what_is_mounted_is_there(root: Path) -> None:
    for part in services(root).values():
        for volume in part.get("volumes", ()):
            if volume.startswith("./"):
                assert (root / volume.split(":")[0]).exists(), volume


def test_secrets_are_made_once_for_their_owner_only_and_suffice(root: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ops" / "docker"
    folder.mkdir(parents=True)
    script = folder / "secrets"
    shutil.copy(root / "ops" / "docker" / "secrets", script)
    for _ in range(2):
        done = subprocess.run([script], cwd=tmp_path, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 0, done.stderr
    assert done.stdout == "", "the second time changes nothing"
    env = tmp_path / ".env"
    assert stat.S_IMODE(env.stat().st_mode) == 0o600
    made = dict(line.split("=", 1) for line in env.read_text().splitlines())
    assert SECRETS.keys() <= made.keys()
    assert len(made["LANECAST_SECRET"]) >= 32
    assert made["LANECAST_REDIS_PASSWORD"] in made["COMPOSE_REDIS_URL"]


def test_the_image_needs_what_the_extra_names(root: Path) -> None:
    script = root / "ops" / "docker" / "requirements.py"
    done = subprocess.run(["python3", script, "server"], capture_output=True, text=True, timeout=20, check=True)
    assert "msgspec>=0.19" in done.stdout.splitlines()
    assert any(line.startswith("uvloop") for line in done.stdout.splitlines())
