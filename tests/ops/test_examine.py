from __future__ import annotations

import json
import resource
import socket
from pathlib import Path

import pytest
from tests.ops.test_cli import lanecast

from lanecast.ops import embedded, examine
from lanecast.ops.problem import Problem


async def test_a_server_that_answers_is_ok_and_named_with_its_version(redis_url: str) -> None:
    finding = await examine.redis(redis_url)
    assert finding.status == "ok"
    assert "Valkey 9" in finding.text or "Redis 7" in finding.text


async def test_a_server_that_evicts_is_a_warning(redis_url: str, client) -> None:  # type: ignore[no-untyped-def]
    await client.config_set("maxmemory-policy", "allkeys-lru")
    try:
        finding = await examine.redis(redis_url)
    finally:
        await client.config_set("maxmemory-policy", "noeviction")
    assert finding.status == "warning"
    assert "noeviction" in finding.remedy


async def test_a_server_that_is_not_there_is_a_problem() -> None:
    assert (await examine.redis("redis://127.0.0.1:1/0")).status == "problem"
    assert (await examine.redis("nonsense")).status == "problem"


def test_no_server_to_start_is_a_problem_only_where_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> embedded.Binary:
        raise Problem("no server to start", "Install one.")

    monkeypatch.setattr(embedded, "find", none)
    assert examine.embedded_server(needed=True).status == "problem"
    assert examine.embedded_server(needed=False) == examine.Finding(
        "embedded server", "warning", "no server to start", "Install one."
    )


def test_a_port_in_use_is_a_warning_that_names_the_option() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        finding = examine.free_port(listener.getsockname()[1])
    assert finding.status == "warning"
    assert "--port" in finding.remedy


def test_a_missing_extra_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(examine.EXTRAS, "server", ("no-such-package",))
    finding = examine.packages()[0]
    assert finding.status == "problem"
    assert finding.remedy == "pip install 'lanecast[server]'"


def test_few_open_files_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 4096))
    finding = examine.files()
    assert finding.status == "warning"
    assert "ulimit -n 4096" in finding.remedy


def test_a_data_folder_that_does_not_exist_yet_is_fine(tmp_path: Path) -> None:
    assert examine.data_folder(tmp_path / "a" / "b").status in ("ok", "warning")


def test_the_doctor_fails_on_a_problem_only(tmp_path: Path) -> None:
    done = lanecast("doctor", "--json", "--redis", "redis://127.0.0.1:1/0", cwd=tmp_path)
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert findings["redis"]["status"] == "problem"
    assert findings["python"]["status"] == "ok"
    assert done.returncode == 1
    fine = lanecast("doctor", cwd=tmp_path)
    assert "0 problem(s)" in fine.stdout
    assert fine.returncode == 0
