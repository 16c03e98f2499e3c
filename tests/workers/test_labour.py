"""Where work is done: little of it on the loop, much of it in a thread."""

from __future__ import annotations

import threading

import pytest

from lanecast.workers import labour
from lanecast.workers.labour import HEAVY_S, Labour


async def test_little_work_is_done_here_and_much_in_a_thread_until_it_is_little_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Clock:
        now, cost = 0.0, HEAVY_S * 10

        def thread_time(self) -> float:
            return self.now

    clock, kind = Clock(), Labour()
    monkeypatch.setattr(labour, "time", clock)

    def work() -> threading.Thread:
        clock.now += clock.cost
        return threading.current_thread()

    here = threading.current_thread()
    assert await kind.do(work) is here
    assert kind.last_s == pytest.approx(clock.cost)
    assert await kind.do(work) is not here
    clock.cost = 0.0
    places = [await kind.do(work) for _ in range(20)]
    assert places[-1] is here


async def test_what_work_raises_comes_out_of_either_place() -> None:
    kind = Labour()
    for usual_s in (0.0, 1.0):
        kind.usual_s = usual_s
        with pytest.raises(ZeroDivisionError):
            await kind.do(lambda: 1 / 0)
