"""The limit of frames a second, and viewers counted from what gateways say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.demand import Demand
from lanecast.producer.optimizer.audience import Entry, count_viewers
from lanecast.producer.optimizer.limiter import Limiter


@given(st.floats(1, 120), st.lists(st.floats(0.0001, 0.2), min_size=1, max_size=300))
def test_never_much_more_than_so_many_a_second(per_s: float, gaps: list[float]) -> None:
    limiter, now_s, let_through = Limiter(per_s), 100.0, 0
    for gap in gaps:
        now_s += gap
        let_through += limiter.due(now_s)
    assert let_through <= (now_s - 100.0) * per_s + 2


def test_a_quick_optimizer_reaches_the_limit() -> None:
    limiter = Limiter(30)
    assert 299 <= sum(limiter.due(step / 1000) for step in range(10_000)) <= 302


def test_no_limit_lets_all_through() -> None:
    limiter = Limiter(0)
    assert all(limiter.due(0.0) for _ in range(10))


def entry(at_ms: int, node: str, tier: str, viewers: int, *, images: bool = False) -> Entry:
    fields = Demand(node, tier, viewers, images=images).to_fields()
    return f"{at_ms}-0".encode(), {name.encode(): str(value).encode() for name, value in fields.items()}


def test_each_gateways_last_word_on_each_tier_counts_while_it_is_fresh() -> None:
    entries = [
        entry(9_900, "a", "high", 2),
        entry(9_800, "a", "ultra", 1),
        entry(9_700, "b", "high", 5),
        entry(9_650, "b", "low", 7, images=True),
        entry(8_900, "a", "high", 9),
        entry(1_000, "c", "high", 40),
    ]
    assert count_viewers(entries, 10_000) == 8
    assert count_viewers([], 10_000) == 0
