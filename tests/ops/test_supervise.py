from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from lanecast.ops.problem import Problem
from lanecast.ops.supervise import Event, Part, Supervisor

STAY = "import time; print('up', flush=True); time.sleep(60)"


class Watched:
    """A supervisor whose events and lines can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.lines: list[tuple[str, str]] = []
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(self._on_event, self._on_line)

    def _on_event(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def _on_line(self, name: str, line: str) -> None:
        self.lines.append((name, line))
        self._changed.set()

    async def until(self, condition: Callable[[], bool], within_s: float = 5.0) -> None:
        async with asyncio.timeout(within_s):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def kinds(self, part: str) -> list[str]:
        return [event.kind for event in self.events if event.part == part]


@pytest.fixture
async def watched() -> AsyncIterator[Watched]:
    watched = Watched()
    yield watched
    await watched.supervisor.stop()


def part(name: str, script: str, ready: Callable[[], bool] = lambda: True, **more: object) -> Part:
    async def probe(_life: str) -> bool:
        return ready()

    return Part(name, (sys.executable, "-c", script), probe, **more)  # type: ignore[arg-type]


async def test_a_part_is_started_only_when_the_one_before_it_is_ready(watched: Watched, tmp_path: Path) -> None:
    mark = tmp_path / "ready"
    first = part("first", f"import time; time.sleep(.2); open({str(mark)!r}, 'w'); time.sleep(60)", mark.exists)
    await watched.supervisor.start(first)
    assert mark.exists()
    await watched.supervisor.start(part("second", STAY))
    assert [(event.kind, event.part) for event in watched.events] == [
        ("started", "first"),
        ("ready", "first"),
        ("started", "second"),
        ("ready", "second"),
    ]


async def test_a_part_that_was_killed_comes_back_and_it_is_said(watched: Watched) -> None:
    await watched.supervisor.start(part("gateway", STAY))
    pid = watched.supervisor.pids["gateway"]
    os.kill(pid, signal.SIGKILL)
    await watched.until(lambda: "back" in watched.kinds("gateway"))
    assert watched.supervisor.pids["gateway"] != pid
    died = next(event for event in watched.events if event.kind == "died")
    assert (died.pid, died.how, died.seconds) == (pid, "was killed by SIGKILL", 0.2)
    back = watched.events[-1]
    assert 0.2 <= back.seconds < 2


async def test_a_part_that_ends_by_itself_comes_back_whatever_its_status(watched: Watched) -> None:
    await watched.supervisor.start(part("worker", "import time; time.sleep(.3)"))
    await watched.until(lambda: watched.kinds("worker").count("died") == 2)
    assert next(event for event in watched.events if event.kind == "died").how == "ended with status 0"


async def test_a_part_whose_work_is_done_is_not_started_again(watched: Watched) -> None:
    await watched.supervisor.start(part("demo", "import time; time.sleep(.2)", ends_well=True))
    await watched.until(lambda: "done" in watched.kinds("demo"))
    await asyncio.sleep(0.4)
    assert watched.kinds("demo") == ["started", "ready", "done"]
    assert watched.supervisor.pids == {}


async def test_a_part_whose_work_failed_is_started_again(watched: Watched) -> None:
    await watched.supervisor.start(part("demo", "import time; time.sleep(.1); raise SystemExit(1)", ends_well=True))
    await watched.until(lambda: watched.kinds("demo").count("started") == 2)


async def test_a_part_that_ends_before_it_is_ready_is_a_problem_with_its_last_words(watched: Watched) -> None:
    broken = part("worker", "print('no licence'); raise SystemExit(3)", lambda: False)
    with pytest.raises(Problem, match="worker ended with status 3 before it was ready") as raised:
        await watched.supervisor.start(broken)
    assert raised.value.hint == "It said: no licence"


async def test_a_part_that_is_not_ready_in_time_is_a_problem(watched: Watched) -> None:
    with pytest.raises(Problem, match=r"was not ready within 0\.3 s"):
        await watched.supervisor.start(part("worker", STAY, lambda: False, ready_within_s=0.3))


async def test_a_command_that_does_not_exist_is_a_problem(watched: Watched) -> None:
    async def never(_life: str) -> bool:
        return False

    with pytest.raises(Problem, match="ended with status 1"):
        await watched.supervisor.start(Part("worker", ("/no/such/command",), never))


async def test_parts_are_ended_in_reverse_order_and_nothing_is_left(watched: Watched) -> None:
    for name in ("a", "b", "c"):
        await watched.supervisor.start(part(name, STAY))
    pids = watched.supervisor.pids
    await watched.supervisor.stop()
    assert [event.part for event in watched.events if event.kind == "stopped"] == ["c", "b", "a"]
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_part_that_does_not_end_in_time_is_killed(watched: Watched) -> None:
    deaf = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
    )
    await watched.supervisor.start(part("worker", deaf, stop_within_s=0.2))
    await watched.until(lambda: ("worker", "deaf") in watched.lines)
    await watched.supervisor.stop()
    assert watched.kinds("worker")[-2:] == ["killed", "stopped"]
    assert watched.events[-1].status == -signal.SIGKILL


async def test_what_a_part_has_started_itself_ends_with_it(watched: Watched) -> None:
    forks = "import subprocess, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"
    await watched.supervisor.start(part("worker", forks))
    await watched.until(lambda: bool(watched.lines))
    grandchild = int(watched.lines[0][1])
    started = asyncio.get_running_loop().time()
    await watched.supervisor.stop()
    assert asyncio.get_running_loop().time() - started < 3, "its open pipe held up the end"
    await asyncio.to_thread(_wait_for_end, grandchild)


async def test_the_end_of_a_part_is_noticed_though_what_it_started_holds_its_pipe(watched: Watched) -> None:
    forks = "import subprocess, time; subprocess.Popen(['sleep', '60']); print('up', flush=True); time.sleep(60)"
    await watched.supervisor.start(part("worker", forks))
    await watched.until(lambda: bool(watched.lines))
    os.kill(watched.supervisor.pids["worker"], signal.SIGKILL)
    await watched.until(lambda: "back" in watched.kinds("worker"), within_s=3)


async def test_a_part_that_is_just_being_started_again_is_ended_too(watched: Watched) -> None:
    await watched.supervisor.start(part("worker", STAY))
    os.kill(watched.supervisor.pids["worker"], signal.SIGKILL)
    await watched.until(lambda: watched.kinds("worker").count("started") == 2)
    pid = watched.supervisor.pids["worker"]
    await watched.supervisor.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_lines_of_both_outputs_are_passed_on_with_the_parts_name(watched: Watched) -> None:
    script = "import sys, time; print('one', flush=True); print('two', file=sys.stderr, flush=True); time.sleep(60)"
    await watched.supervisor.start(part("worker", script))
    await watched.until(lambda: len(watched.lines) == 2)
    assert sorted(watched.lines) == [("worker", "one"), ("worker", "two")]


async def test_a_line_without_end_does_not_stop_the_others(watched: Watched) -> None:
    script = "import time; print('x' * 3_000_000, flush=True); print('after', flush=True); time.sleep(60)"
    await watched.supervisor.start(part("worker", script))
    await watched.until(lambda: ("worker", "after") in watched.lines)


async def test_settings_reach_the_part_by_its_environment(watched: Watched) -> None:
    script = "import os, time; print(os.environ['LANECAST_PORT'], flush=True); time.sleep(60)"
    await watched.supervisor.start(part("gateway", script, env=lambda _: {"LANECAST_PORT": "8123"}))
    await watched.until(lambda: ("gateway", "8123") in watched.lines)


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + 2
    while _runs(pid):
        assert time.monotonic() < deadline, "it goes on"
        time.sleep(0.01)


def _runs(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


async def test_each_start_is_a_life_with_a_name_of_its_own(watched: Watched) -> None:
    script = "import os, time; print(os.environ['LIFE'], flush=True); time.sleep(60)"
    asked: list[str] = []

    async def probe(life: str) -> bool:
        asked.append(life)
        return True

    command = (sys.executable, "-c", script)
    await watched.supervisor.start(Part("worker", command, probe, lambda life: {"LIFE": life}))
    await watched.until(lambda: len(watched.lines) == 1)
    os.kill(watched.supervisor.pids["worker"], signal.SIGKILL)
    await watched.until(lambda: len(watched.lines) == 2)
    lives = [line for _, line in watched.lines]
    assert lives[0] != lives[1]
    assert asked[0] == lives[0]
    await watched.until(lambda: asked[-1] == lives[1])
