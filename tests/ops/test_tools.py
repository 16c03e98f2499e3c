"""The scripts behind the Makefile: what they find, and what they say when something is missing or fails."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest


def run(*command: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], env=os.environ | env, capture_output=True, text=True, timeout=60, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A folder for PATH with nothing but a shell in it."""
    for name in ("bash", "env", "sed"):
        (tmp_path / name).symlink_to(f"/bin/{name}" if Path(f"/bin/{name}").exists() else f"/usr/bin/{name}")
    return tmp_path


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_a_python_that_is_new_enough_is_found(root: Path) -> None:
    found = run(root / "ops" / "find-tool", "python")
    assert found.returncode == 0
    assert "3." in run(found.stdout.strip(), "--version").stdout


@pytest.mark.parametrize(("tool", "said"), [("python", "Python 3.11 or newer is needed"), ("node", "Node.js 20.19")])
def test_a_missing_tool_is_named_with_the_remedy(root: Path, bare: Path, tool: str, said: str) -> None:
    done = run(root / "ops" / "find-tool", tool, PATH=str(bare))
    assert done.returncode == 1
    assert said in done.stderr
    assert len(done.stderr.splitlines()) == 2


def test_a_python_that_is_too_old_is_passed_over(root: Path, bare: Path) -> None:
    script(bare / "python3", "exit 1")
    done = run(root / "ops" / "find-tool", "python", PATH=str(bare))
    assert "Python 3.11 or newer is needed" in done.stderr


def test_a_python_without_venv_is_named(root: Path, bare: Path) -> None:
    script(bare / "python3", 'case "$2" in *ensurepip*) exit 1;; esac')
    done = run(root / "ops" / "find-tool", "python", PATH=str(bare))
    assert "cannot make virtual environments" in done.stderr
    assert "python3-venv" in done.stderr


def test_a_node_that_is_too_old_is_named_with_its_version(root: Path, bare: Path) -> None:
    script(bare / "node", 'case "$1" in --version) echo v18.1.0;; *) exit 1;; esac')
    done = run(root / "ops" / "find-tool", "node", PATH=str(bare))
    assert "v18.1.0 is too old" in done.stderr


def test_nothing_pinned_names_a_registry_or_a_folder(root: Path) -> None:
    lines = (root / "constraints.txt").read_text().splitlines()
    pinned = [line for line in lines if line and not line.startswith("#")]
    assert len(pinned) > 40
    assert all(line.count("==") == 1 and "/" not in line and "@" not in line for line in pinned)
    assert '"resolved"' not in (root / "web" / "package-lock.json").read_text()


def test_make_alone_lists_the_targets(root: Path) -> None:
    listed = run("make", "-C", root).stdout
    for target in ("demo", "setup", "web", "test", "check", "fmt", "clean"):
        assert f"make {target}" in listed
