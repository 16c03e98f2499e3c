"""Rows keep their places while entities come and go, and whoever has the same rows finds the same."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lanecast.broker.layers import all_different, rows_of
from lanecast.broker.rows import Follower, follow

few = st.integers(0, 20)
far = st.integers(0, 0xFFFFFFFF)
id_lists = st.lists(few, unique=True, max_size=12) | st.lists(far | few, unique=True, max_size=12)


def ids(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array(values, np.uint32)


@given(id_lists, st.lists(few | far, max_size=12))
def test_a_row_is_found_by_its_id_wherever_ids_lie(there: list[int], wanted: list[int]) -> None:
    found = rows_of(ids(there), ids(wanted)).tolist()
    assert found == [there.index(value) if value in there else -1 for value in wanted]


@given(st.lists(few | far, max_size=12))
def test_an_id_that_comes_twice_is_noticed(values: list[int]) -> None:
    assert all_different(ids(values)) == (len(set(values)) == len(values))


@given(id_lists, id_lists)
def test_rows_follow_by_dropping_for_the_last_and_appending(before: list[int], after: list[int]) -> None:
    step = follow(ids(before), ids(after))
    rows = list(before)
    for row in step.drop.tolist():
        last = rows.pop()
        if row < len(rows):
            rows[row] = last
    assert rows == step.kept(ids(before)).tolist() == step.ids[: len(step.ids) - step.fresh].tolist()
    assert set(step.ids[len(rows) :].tolist()) == set(after) - set(before)
    assert sorted(step.ids.tolist()) == sorted(after)
    order = range(len(after)) if step.order is None else step.order.tolist()
    assert [after[row] for row in order] == step.ids.tolist()
    assert step.stands == (before == after)


@given(id_lists, st.lists(id_lists, max_size=6), st.data())
def test_all_who_follow_every_step_of_a_state_that_follows_too_have_its_very_rows(
    first: list[int], then: list[list[int]], data: st.DataObject
) -> None:
    follower, state = Follower(), ids(first)
    chains = [state, state]
    for wanted in then:
        state = follow(state, ids(data.draw(st.permutations(wanted)))).ids
        chains = [follower.follow(chain, state).ids for chain in chains]
        assert all(chain is state for chain in chains)
