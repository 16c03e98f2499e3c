from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

LANECAST = (sys.executable, "-m", "lanecast.ops")
ENV = {name: value for name, value in os.environ.items() if not name.startswith("LANECAST_")} | {"COLUMNS": "120"}


def lanecast(*args: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder where no `up` runs."""
    return subprocess.run(
        [*LANECAST, *args], cwd=cwd, env=ENV | (env or {}), capture_output=True, text=True, timeout=30, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


def test_the_version_is_that_of_the_package(tmp_path: Path) -> None:
    assert lanecast("version", cwd=tmp_path).stdout == f"lanecast {version('lanecast')}\n"


@pytest.mark.parametrize(
    "command", ["", "up", "gateway", "worker", "demo", "runs", "watch", "publish", "lag", "dead", "doctor", "version"]
)
def test_every_command_explains_itself(command: str) -> None:
    from typer.testing import CliRunner

    from lanecast.ops.app import app

    result = CliRunner().invoke(app, [*command.split(), "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


@pytest.mark.parametrize(
    "args",
    [["watch"], ["watch", "city", "--frames", "0"], ["up", "--port", "x"], ["no-such"], ["watch", "a", "--tier", "x"]],
)
def test_wrong_usage_has_status_2(args: list[str]) -> None:
    from typer.testing import CliRunner

    from lanecast.ops.app import app

    assert CliRunner().invoke(app, args).exit_code == 2


NOBODY = {"LANECAST_REDIS_URL": "redis://127.0.0.1:1/0", "LANECAST_URL": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("runs",), "no Redis at 127.0.0.1:1"),
        (("lag", "--json"), "no Redis at 127.0.0.1:1"),
        (("runs", "--redis", "nonsense"), "redis_url: "),
        (("watch", "city"), "no gateway at http://127.0.0.1:1"),
        (("watch", "no/run"), "'no/run' is not 1 to 64 characters"),
        (("publish", "no/run"), "'no/run' is not 1 to 64 characters"),
        (("demo", "atlantis"), "there is no demo 'atlantis'"),
    ],
)
def test_what_a_user_can_mend_is_said_in_a_line(
    args: tuple[str, ...],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from lanecast.ops.app import app

    monkeypatch.chdir(tmp_path)
    for name, value in NOBODY.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as ended:
        app(args)
    shown = capsys.readouterr()
    assert ended.value.code == 1
    assert said in shown.err
    assert shown.out == ""
    assert len(shown.err.splitlines()) <= 2


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("up", "--port", "0", "--demo", "atlantis"), "cologne8, ingolstadt21"),
        (("up", "--port", "0", "--gateways", "0"), "--gateways 0 is not between 1 and 64"),
        (("up", "--port", "0", "--redis", "redis://127.0.0.1:1/0"), "no Redis at 127.0.0.1:1"),
        (("gateway", "--host", "0.0.0.0"), "LANECAST_SECRET"),  # noqa: S104 - it is to be refused
    ],
)
def test_nothing_is_started_that_cannot_run_and_the_reason_is_said_without_a_traceback(
    args: tuple[str, ...], said: str, tmp_path: Path
) -> None:
    done = lanecast(*args, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 2


def test_a_setting_of_the_wrong_type_is_named(tmp_path: Path) -> None:
    done = lanecast("gateway", cwd=tmp_path, env={"LANECAST_PORT": "eighty"})
    assert done.returncode == 1
    assert "LANECAST_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_said_before_anything_is_started(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        done = lanecast("up", "--port", str(port), cwd=tmp_path)
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "--port" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_runs_are_listed_and_forgotten(redis_url: str, tmp_path: Path) -> None:
    import redis

    env = {"LANECAST_REDIS_URL": redis_url}
    assert "no runs" in lanecast("runs", cwd=tmp_path, env=env).stdout
    with redis.Redis.from_url(redis_url) as client:
        client.sadd("lc:runs", "hello")
        client.xadd("lc:{hello}:in:high", {"kind": "frame"})
        assert "hello" in lanecast("runs", cwd=tmp_path, env=env).stdout
        (info,) = json.loads(lanecast("runs", "--json", cwd=tmp_path, env=env).stdout)
        assert (info["id"], info["state"]) == ("hello", "created")
        (row,) = json.loads(lanecast("lag", "--json", cwd=tmp_path, env=env).stdout)
        assert (row["run"], row["stream"], row["reader"], row["entries"]) == ("hello", "in:high", "workers", 1)
        assert lanecast("runs", "--forget", "hello", cwd=tmp_path, env=env).returncode == 0
        assert client.keys("lc:{hello}*") == []
        assert client.smembers("lc:runs") == set()
    done = lanecast("runs", "--forget", "hello", cwd=tmp_path, env=env)
    assert done.returncode == 1
    assert "'hello' is not registered" in done.stderr


def test_lag_checks_critical_lanes_for_scripts(redis_url: str, tmp_path: Path) -> None:
    import redis

    env = {"LANECAST_REDIS_URL": redis_url}
    with redis.Redis.from_url(redis_url) as client:
        client.sadd("lc:runs", "r")
        client.xadd("lc:{r}:in:normal", {"n": 1}, id="5-1")
        fine = lanecast("lag", "--check", cwd=tmp_path, env=env)
        assert (fine.returncode, "over its limit" in fine.stdout) == (0, True), "a late normal lane is marked only"
        client.xadd("lc:{r}:in:critical", {"n": 1}, id="5-1")
    late = lanecast("lag", "--check", "--json", cwd=tmp_path, env=env)
    assert late.returncode == 1
    assert [(row["stream"], row["over"]) for row in json.loads(late.stdout)] == [
        ("in:critical", True), ("in:normal", True),
    ]  # fmt: skip


def test_ctrl_c_ends_a_live_view_quietly(redis_url: str, tmp_path: Path) -> None:
    with subprocess.Popen(
        [*LANECAST, "lag"], cwd=tmp_path, env=ENV | {"LANECAST_REDIS_URL": redis_url}, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        import redis

        with redis.Redis.from_url(redis_url) as client:  # it asks for the runs once it is under way
            while not any(entry["cmd"] == "smembers" for entry in client.client_list()):
                assert process.poll() is None
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=10)
    assert process.returncode in (0, 130)
    assert b"Traceback" not in stderr


def test_a_reader_that_has_had_enough_is_no_problem(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{' '.join(LANECAST)} doctor | true"],
        cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_the_command_line_names_it(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("raise ModuleNotFoundError('no typer', name='typer')")
    done = lanecast("version", cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert done.returncode == 1
    assert "pip install 'lanecast[server]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "value", "words", "said"),
    [
        ("LANECAST_PORT", "abc", "gateway", "valid integer"),
        ("LANECAST_SIGNIFICANCE", "speed=1", "worker", "is not JSON"),
        ("LANECAST_LOG_LEVEL", "loud", "worker", "'debug', 'info', 'warning' or 'error'"),
        ("LANECAST_LOG_LEVEL", "loud", "demo cologne8", "'debug', 'info', 'warning' or 'error'"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(name: str, value: str, words: str, said: str, tmp_path: Path) -> None:
    done = lanecast(*words.split(), cwd=tmp_path, env={name: value})
    assert done.returncode == 1
    assert done.stderr.startswith(f"lanecast: {name}")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
