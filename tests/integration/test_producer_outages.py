"""The server comes late, dies, loses replies, loses data: every lossless message arrives once and in order."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from tests.producer.reading import payloads_of, read_lane, wait_until
from tests.support.proxy import Faults, Proxy
from tests.support.servers import Server, free_port, start_server

from lanecast.broker import keys
from lanecast.producer import Run
from lanecast.producer.buffers import KEPT_MESSAGES

pytestmark = pytest.mark.integration


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def own_server(folder: Path) -> Iterator[Server]:
    """A server of the test's own, to be killed."""
    server = start_server(folder)
    yield server
    server.stop()


def numbers_on(url: str, lane: str) -> list[int]:
    with redis.Redis.from_url(url) as client:
        if lane == "critical":
            return [int(status.text) for status in payloads_of(client, "sim", "critical", "status")]
        return [int(metrics.values["n"]) for metrics in payloads_of(client, "sim", "normal", "metrics")]


def publish_number(run: Run, number: int) -> None:
    run.frame({"points": {"id": [1], "x": [number], "y": [0]}}, step=number)
    run.metrics({"n": number})
    if number % 4 == 0:
        run.status("info", str(number))


def publish_numbers(run: Run, count: int, pause_s: float, done: threading.Event) -> threading.Thread:
    def work() -> None:
        for number in range(count):
            publish_number(run, number)
            time.sleep(pause_s)
        done.set()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def assert_all_once_and_in_order(url: str, count: int) -> None:
    assert numbers_on(url, "normal") == list(range(count))
    assert numbers_on(url, "critical") == list(range(0, count, 4))


def test_a_server_that_comes_late_gets_everything(folder: Path) -> None:
    port = free_port()
    with structlog.testing.capture_logs() as logs, Run("sim", url=f"redis://127.0.0.1:{port}/0", flush_s=5) as run:
        for number in range(200):
            publish_number(run, number)
        wait_until(lambda: any(entry["event"] == "redis_away" for entry in logs), "the warning")
        time.sleep(0.3)  # long enough for several attempts: the user is told once
        assert run.stats.epoch == 0
        server = start_server(folder, port=port)
        wait_until(lambda: run.stats.connected, "the connection")
    try:
        assert_all_once_and_in_order(server.url, 200)
        with redis.Redis.from_url(server.url) as client:
            ((message, frame),) = read_lane(client, "sim", "high")
        assert (frame.step, message.seq) == (199, 1), "newest wins: only the last frame is worth sending"
        assert run.stats.dropped == {"high:superseded": 199}
    finally:
        server.stop()
    assert [entry["event"] for entry in logs if entry["event"].startswith("redis_")] == ["redis_away", "redis_back"]


def test_nothing_is_lost_or_repeated_when_the_server_is_killed_and_restarted_under_load(own_server: Server) -> None:
    done = threading.Event()
    with Run("sim", url=own_server.url, flush_s=5) as run:
        thread = publish_numbers(run, 1500, 0.001, done)
        for _ in range(3):
            wait_until(lambda: run.stats.connected and not run.stats.buffered["normal"], "the run being up to date")
            own_server.kill()
            time.sleep(0.1)
            own_server.start()
        assert done.wait(20)
        thread.join()
    assert run.stats.reconnects >= 3
    assert_all_once_and_in_order(own_server.url, 1500)
    with redis.Redis.from_url(own_server.url) as client:
        sequences = [message.seq for message, _ in read_lane(client, "sim", "critical")]
        frames = read_lane(client, "sim", "high")
    assert sequences == list(range(1, len(sequences) + 1))
    steps = [frame.step for _, frame in frames]
    assert steps == sorted(steps)
    assert steps[-1] == 1499, "the newest frame always arrives"


def test_nothing_is_lost_or_repeated_when_replies_get_lost(own_server: Server) -> None:
    port = int(own_server.url.rpartition(":")[2].partition("/")[0])
    number = 0
    with Proxy(port) as proxy, Run("sim", url=proxy.url, flush_s=10) as run:
        proxy.faults = Faults(lost_reply=0.15)
        while proxy.made["lost_reply"] < 15:
            publish_number(run, number)
            number += 1
            time.sleep(0.002)
        proxy.faults = Faults()
    assert run.stats.dropped.keys() <= {"high:superseded"}
    assert_all_once_and_in_order(own_server.url, number)
    with redis.Redis.from_url(own_server.url) as client:
        frames = read_lane(client, "sim", "high")
    by_number: dict[int, int] = {}
    for message, frame in frames:
        assert by_number.setdefault(message.seq, frame.step) == frame.step, "a frame sent again keeps its number"
    assert list(by_number) == sorted(by_number)


def test_what_a_server_had_acknowledged_and_lost_is_sent_again(
    own_server: Server, folder: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    with Run("sim", url=own_server.url, flush_s=5) as run:
        for number in range(100):
            run.metrics({"n": number})
        wait_until(lambda: not run.stats.buffered["normal"], "the first messages being acknowledged")
        shutil.copytree(folder / "appendonlydir", copy)  # as a disk has it that was not written to since
        for number in range(100, 160):
            run.metrics({"n": number})
        wait_until(lambda: len(numbers_on(own_server.url, "normal")) == 160, "the later messages")
        wait_until(lambda: not run.stats.buffered["normal"], "the later messages being acknowledged")
        own_server.kill()
        shutil.rmtree(folder / "appendonlydir")
        shutil.copytree(copy, folder / "appendonlydir")
        own_server.start()
        # Nothing new is published: the run asks on its own whether the server still has everything.
        wait_until(lambda: len(numbers_on(own_server.url, "normal")) == 160, "the lost messages being sent again")
    assert numbers_on(own_server.url, "normal") == list(range(160))


def test_a_server_that_is_full_or_read_only_is_waited_for_and_told_of_once(own_server: Server) -> None:
    with (
        redis.Redis.from_url(own_server.url) as client,
        structlog.testing.capture_logs() as logs,
        Run("sim", url=own_server.url, flush_s=5) as run,
    ):
        wait_until(lambda: run.stats.connected, "the connection")
        client.config_set("maxmemory", 1)
        for number in range(20):
            publish_number(run, number)
        wait_until(lambda: "server_without_memory" in [entry["event"] for entry in logs], "the refusal being noticed")
        time.sleep(0.5)
        assert run.stats.connected, "the critical lane is still taken"
        client.config_set("maxmemory", 0)
        wait_until(lambda: not sum(run.stats.buffered.values()), "the server taking messages again")
        client.replicaof("127.0.0.1", 1)
        for number in range(20, 40):
            publish_number(run, number)
        wait_until(lambda: not run.stats.connected, "the second refusal being noticed")
        time.sleep(0.5)
        client.replicaof("NO", "ONE")
        wait_until(lambda: run.stats.reconnects == 1, "the server being a master again")
    assert_all_once_and_in_order(own_server.url, 40)
    assert [entry["event"] for entry in logs] == ["server_without_memory", "redis_away", "redis_back"]


def test_a_producer_that_starts_while_the_server_has_no_memory_left_is_known_and_heard(own_server: Server) -> None:
    with redis.Redis.from_url(own_server.url) as client:
        client.config_set("maxmemory", 1)
        with Run("sim", url=own_server.url, flush_s=5) as run:
            run.status("info", "0")
            wait_until(lambda: numbers_on(own_server.url, "critical") == [0], "the critical lane")
            assert client.sismember(keys.RUNS, "sim")
            assert run.stats.epoch == 1
            wait_until(lambda: client.exists(keys.alive("sim")), "its sign of life")


def test_a_server_that_comes_back_empty_gets_what_it_had_acknowledged_again(own_server: Server, folder: Path) -> None:
    with Run("sim", url=own_server.url, flush_s=5) as run:
        for number in range(100):
            publish_number(run, number)
        wait_until(lambda: not run.stats.buffered["normal"] + run.stats.buffered["critical"], "the acknowledgement")
        own_server.kill()
        shutil.rmtree(folder / "appendonlydir")
        own_server.start()
        for number in range(100, 120):
            publish_number(run, number)
    assert_all_once_and_in_order(own_server.url, 120)


def test_a_server_that_is_emptied_under_load_gets_all_that_is_kept_again_in_order(own_server: Server) -> None:
    done = threading.Event()
    with (
        Run("sim", title="A run", url=own_server.url, flush_s=5) as run,
        redis.Redis.from_url(own_server.url) as client,
    ):
        publish_numbers(run, 400, 0.002, done)
        for _ in range(2):
            wait_until(lambda: len(numbers_on(own_server.url, "normal")) > 50, "some of the messages")
            client.flushall()
        assert done.wait(30)
        wait_until(lambda: client.sismember(keys.RUNS, "sim"), "the run being registered again")
    assert_all_once_and_in_order(own_server.url, 400)
    with redis.Redis.from_url(own_server.url) as client:
        titles = [change.title for change in payloads_of(client, "sim", "critical", "lifecycle")]
        assert titles.count("A run") > 1, "announced again, behind what was kept of the beginning"
        for lane in ("critical", "normal"):
            numbers = [(message.epoch, message.seq) for message, _ in read_lane(client, "sim", lane)]
            epoch = numbers[0][0]
            assert numbers == [(epoch, seq) for seq in range(1, len(numbers) + 1)], lane


def test_a_lane_with_nothing_new_is_sent_again_to_an_emptied_server_as_well(own_server: Server) -> None:
    with Run("sim", url=own_server.url, flush_s=5) as run, redis.Redis.from_url(own_server.url) as client:
        for number in range(0, 40, 4):
            run.status("info", str(number))
        wait_until(lambda: not run.stats.buffered["critical"], "the acknowledgement")
        epoch = run.stats.epoch
        client.flushall()
        run.metrics({"n": 0})
        wait_until(lambda: numbers_on(own_server.url, "critical") == list(range(0, 40, 4)), "the statuses again")
        assert run.stats.epoch >= epoch
    assert numbers_on(own_server.url, "normal") == [0]


def test_an_emptied_server_gets_a_new_epoch_from_who_does_not_keep_the_first_message(own_server: Server) -> None:
    with Run("sim", url=own_server.url, flush_s=10) as run, redis.Redis.from_url(own_server.url) as client:
        for number in range(KEPT_MESSAGES + 500):
            run.metrics({"n": number})
        wait_until(lambda: not run.stats.buffered["normal"], "the acknowledgement")
        client.flushall()
        for number in range(KEPT_MESSAGES + 500, KEPT_MESSAGES + 520):
            run.metrics({"n": number})
    assert numbers_on(own_server.url, "normal") == list(range(500, KEPT_MESSAGES + 520))
    with redis.Redis.from_url(own_server.url) as client:
        messages = [message for message, _ in read_lane(client, "sim", "normal")]
        assert {message.epoch for message in messages} == {2}
        assert [message.seq for message in messages] == list(range(1, KEPT_MESSAGES + 21))


def test_leaving_a_run_takes_no_longer_than_it_may_when_the_server_is_away() -> None:
    with structlog.testing.capture_logs() as logs:
        with Run("sim", url=f"redis://127.0.0.1:{free_port()}/0", flush_s=0.3) as run:
            run.status("info", "lost")
            leaving = time.monotonic()
        assert time.monotonic() - leaving < 1.0
    assert run.stats.dropped == {"critical:unsent": 4}  # created, control, the status, ended
    assert any(entry["event"] == "run_closed_with_messages_unsent" for entry in logs)


def test_a_simulation_never_waits_for_a_server_that_hangs(own_server: Server) -> None:
    import signal

    assert own_server.process is not None
    with Run("sim", url=own_server.url, flush_s=0.2) as run:
        wait_until(lambda: run.stats.connected, "the connection")
        own_server.process.send_signal(signal.SIGSTOP)
        try:
            longest_s = 0.0
            for number in range(2_000):
                start = time.perf_counter()
                run.frame({"points": {"id": [1], "x": [number], "y": [0]}}, step=number)
                run.metrics({"n": number})
                longest_s = max(longest_s, time.perf_counter() - start)
        finally:
            own_server.process.send_signal(signal.SIGCONT)
        assert longest_s < 0.5, "a call took as long as a time limit of the connection"
        wait_until(lambda: not run.stats.buffered["normal"], "everything being sent")
    assert numbers_on(own_server.url, "normal") == list(range(2_000))


def test_commands_are_heard_after_the_server_was_killed(own_server: Server) -> None:
    from tests.producer.reading import result_of, send, simulating

    with simulating(Run("sim", url=own_server.url, flush_s=5)):
        with redis.Redis.from_url(own_server.url) as client:
            wait_until(lambda: client.exists(keys.alive("sim")), "the run being alive")
            assert send(client, "sim", "pause", "c1") == "sent"
            assert result_of(client, "sim", "c1").ok
        own_server.kill()
        own_server.start()
        with redis.Redis.from_url(own_server.url) as client:
            client.delete(keys.alive("sim"))
            wait_until(lambda: client.exists(keys.alive("sim")), "the run being alive again")
            assert send(client, "sim", "resume", "c2") == "sent"
            assert result_of(client, "sim", "c2").ok
            results: Any = [result.command_id for result in payloads_of(client, "sim", "critical", "result")]
            assert results == ["c1", "c2"]
