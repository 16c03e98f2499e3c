import subprocess
import time
from pathlib import Path

import pytest
import redis

from lanecast.ops import embedded, ports
from lanecast.ops.problem import Problem


class Server:
    """The embedded server as `up` starts it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = ports.free_port()
        self.client = redis.Redis(port=self.port)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        command = embedded.command(embedded.find(), self.folder, self.port)
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                self.client.ping()
            except redis.ConnectionError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the server does not answer")

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path: Path):  # type: ignore[no-untyped-def]
    server = Server(tmp_path)
    server.start()
    yield server
    server.kill()
    server.client.close()


def test_the_server_from_the_wheel_is_found_with_its_version() -> None:
    binary = embedded.find()
    assert binary.path.is_file()
    name, version = binary.what.split()
    assert name == "Valkey"
    assert int(version.split(".")[0]) >= 8


def test_without_the_wheel_a_local_server_is_taken_if_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_from_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    local = tmp_path / "redis-server"
    local.write_text("#!/bin/sh\necho 'Redis server v=7.2.4 sha=0'\n")
    local.chmod(0o755)
    assert embedded.find() == embedded.Binary(local, "Redis 7.2.4")
    local.write_text("#!/bin/sh\necho 'Redis server v=6.2.9 sha=0'\n")
    with pytest.raises(Problem, match=r"Redis 6\.2\.9 is too old"):
        embedded.find()


def test_without_any_server_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedded, "_from_wheel", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem) as raised:
        embedded.find()
    assert "lanecast[embedded]" in raised.value.hint


def test_the_server_refuses_to_forget_and_is_reached_from_this_machine_only(server: Server) -> None:
    assert server.client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert server.client.config_get("bind") == {"bind": "127.0.0.1"}
    assert server.client.config_get("appendonly") == {"appendonly": "yes"}


def test_what_was_written_survives_kill_9_on_the_same_port(server: Server) -> None:
    for n in range(100):
        server.client.xadd("s", {"n": n}, id=f"1-{n + 1}")
    server.kill()
    server.start()
    assert server.client.xlen("s") == 100


def test_an_append_only_file_that_ends_in_the_middle_of_an_entry_loses_that_entry_only(server: Server) -> None:
    for n in range(100):
        server.client.xadd("s", {"n": n}, id=f"1-{n + 1}")
    server.kill()
    (tail,) = (server.folder / "appendonlydir").glob("*.incr.aof")
    with tail.open("r+b") as file:
        file.truncate(tail.stat().st_size - 7)
    server.start()
    assert server.client.xlen("s") == 99
