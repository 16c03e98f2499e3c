"""When which tier gets which frame."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lanecast.broker.columns import Column
from lanecast.broker.offsets import Offset
from lanecast.broker.rendition import Chain, LayerState
from lanecast.workers.render import KEYFRAME_GAP_S, Rendered, Renderers, View


def view(version: int, generation: int = 0, n: int = 3) -> View:
    ids = np.arange(n, dtype=np.uint32)
    return View({"cars": LayerState(ids, {"x": Column(ids * 1.0 + version)})}, {}, version, generation)


def watched(*tiers: str, keyframe_s: float = 2.0) -> Renderers:
    renderers = Renderers(7, keyframe_s)
    renderers.watch(frozenset(tiers))
    return renderers


def step(renderers: Renderers, seen: View, now: float) -> list[Rendered]:
    return [renderer.render(seen, now) for renderer in renderers.due(seen, now)]


def test_nothing_is_rendered_before_there_is_a_state_or_without_a_viewer() -> None:
    assert step(watched("high"), view(0), 1.0) == []
    assert step(watched(), view(1), 1.0) == []
    assert watched().deadline(view(1)) == float("inf")


def test_a_chain_begins_with_a_keyframe_and_goes_on_with_deltas_that_name_the_one_before() -> None:
    renderers = watched("high")
    made = [step(renderers, view(n), n / 10)[0] for n in (1, 2, 3)]
    assert [(one.offset, one.prev) for one in made] == [
        (Offset(7, 1), None), (Offset(7, 2), Offset(7, 1)), (Offset(7, 3), Offset(7, 2)),
    ]  # fmt: skip


def test_a_tier_is_rendered_at_its_own_rate_and_no_faster() -> None:
    renderers = watched("low", "high")
    frames = {"low": 0, "high": 0}
    for tick in range(1_000):  # ten seconds of a run that publishes a hundred frames in each
        for one in step(renderers, view(tick + 1), tick / 100):
            frames[one.tier] += 1
    assert frames["low"] == pytest.approx(150, abs=3)
    assert frames["high"] == pytest.approx(250, abs=3)


def test_a_frame_that_had_to_wait_for_its_turn_has_a_deadline() -> None:
    renderers = watched("low")
    for version, now in ((1, 0.0), (2, 0.2), (3, 0.21)):
        step(renderers, view(version), now)
    due = renderers.deadline(view(4))
    assert 0.21 < due <= 0.2 + 2 / 15
    assert step(renderers, view(4), due - 0.001) == []
    assert len(step(renderers, view(4), due)) == 1
    assert renderers.deadline(view(4)) == 2.0, "then only the periodic keyframe"


def test_a_keyframe_comes_every_keyframe_s_while_the_state_changes_and_once_after() -> None:
    renderers = watched("high", keyframe_s=1.0)
    keys = [n / 10 for n in range(31) for one in step(renderers, view(min(n, 15) + 1), n / 10) if one.prev is None]
    assert keys == pytest.approx([0.0, 1.0, 2.0])


def test_a_keyframe_that_is_asked_for_comes_though_nothing_changes_but_not_without_end() -> None:
    renderers = watched("high")
    step(renderers, view(1), 0.0)
    assert renderers.deadline(view(1)) == float("inf")
    for _ in range(5):
        renderers.want_key("high")
    assert renderers.deadline(view(1)) == KEYFRAME_GAP_S
    made = step(renderers, view(1), 0.2)
    assert [one.prev for one in made] == [None]
    assert not made[0].fresh
    assert renderers.deadline(view(1)) == float("inf")


def test_who_comes_back_gets_a_keyframe() -> None:
    renderers = watched("high")
    step(renderers, view(1), 0.0)
    renderers.watch(frozenset())
    renderers.pass_by(view(2))
    renderers.watch(frozenset({"high"}))
    made = step(renderers, view(2), 1.0)
    assert [(one.prev, one.fresh) for one in made] == [(None, False)]


def test_a_new_generation_or_layer_forces_a_keyframe() -> None:
    renderers = watched("high")
    step(renderers, view(1), 0.0)
    assert step(renderers, view(2, generation=1), 0.5)[0].prev is None
    seen = view(3, generation=1)
    assert step(renderers, replace(seen, layers={**seen.layers, "boats": seen.layers["cars"]}), 1.0)[0].prev is None


def test_a_tier_that_failed_keeps_still_until_the_state_changes_and_then_tells_everything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    renderers = watched("high")
    step(renderers, view(1), 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Chain, "delta", lambda *_: 1 / 0)
        for renderer in renderers.due(view(2), 0.5):
            with pytest.raises(ZeroDivisionError):
                renderer.render(view(2), 0.5)
            renderer.distrust(view(2))
    assert renderers.deadline(view(2)) == float("inf")
    assert step(renderers, view(3), 1.0)[0].prev is None
