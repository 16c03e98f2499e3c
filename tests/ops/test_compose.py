from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(shutil.which("docker-compose") is None, reason="docker-compose is not installed")

SECRETS = {"LANECAST_SECRET": "s" * 32, "LANECAST_REDIS_PASSWORD": "p" * 16}
BARE = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")}


def config(root: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["docker-compose", "-f", "compose.yaml", "config"],
        cwd=root, env=BARE | env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_the_compose_file_is_valid_and_every_part_uses_the_one_server(root: Path) -> None:
    done = config(root, SECRETS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"redis://:{SECRETS['LANECAST_REDIS_PASSWORD']}@valkey:6379/0") == 3
    assert "noeviction" in done.stdout
    assert "appendonly" in done.stdout


@pytest.mark.parametrize("missing", sorted(SECRETS))
def test_without_a_secret_nothing_is_started_and_it_is_named(root: Path, missing: str) -> None:
    done = config(root, {name: value for name, value in SECRETS.items() if name != missing})
    assert done.returncode != 0
    assert missing in done.stderr


def test_images_and_versions_are_pinned(root: Path) -> None:
    texts = (root / "compose.yaml").read_text() + (root / "ops" / "docker" / "Dockerfile").read_text()
    assert ":latest" not in texts
    assert "valkey/valkey:9.1" in texts
