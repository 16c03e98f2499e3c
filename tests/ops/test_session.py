from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lanecast.broker import messages
from lanecast.broker.columns import Column
from lanecast.broker.offsets import START, Offset
from lanecast.broker.rendition import Chain, LayerState
from lanecast.broker.tiers import HIGH, LOW
from lanecast.ops.problem import Problem
from lanecast.ops.session import Session

NOW_MS = 1_000_000.0
KINDS = ["a", "b"]


class Gateway:
    """What a gateway sends of one run and tier, made by the real encoder."""

    def __init__(self, tier: Any = HIGH) -> None:
        self.tier = tier
        self.chain = Chain(tier)
        self.last: Offset | None = None

    def welcome(self, **more: Any) -> dict[str, Any]:
        return {"type": "welcome", "protocol": "lanecast.v1", "node": "g1", "server_ms": NOW_MS, "auth": False, **more}

    def subscribed(self, offset: str = "1-1", *, recovered: bool = False, epoch: str = "e1") -> dict[str, Any]:
        info = {"id": "city", "state": "running"}
        return {
            "type": "subscribed", "run": "city", "tier": self.tier.name, "epoch": epoch, "offset": offset,
            "recovered": recovered, "info": info,
        }  # fmt: skip

    def frame(self, n: int, x: float, *, key: bool = False, epoch: int = 1) -> dict[str, Any]:
        columns = {"x": Column(np.array([x, x + 1])), "kind": Column(np.array([0, 1]), KINDS)}
        state = {"cars": LayerState(np.array([7, 9], np.uint32), columns)}
        parts = self.chain.keyframe(state, {"n": 2}) if key else self.chain.delta(state, {"n": 2})
        assert parts is not None
        prev, self.last = (None if key else self.last), Offset(epoch, n)
        return messages.decode(
            messages.frame("city", self.tier.name, "e1", self.last, prev, n, n / 10, {"pub_ms": NOW_MS - 30}, parts, {})
        )

    def status(self, n: int, text: str, epoch: int = 1) -> dict[str, Any]:
        return messages.decode(
            messages.lossless("status", "city", "e1", Offset(epoch, n), START, {"level": "info", "text": text})
        )


def connect(session: Session, gateway: Gateway, **subscribed: Any) -> list[dict[str, Any]]:
    session.connected()
    sent = session.take(gateway.welcome(), NOW_MS).send
    session.take(gateway.subscribed(**subscribed), NOW_MS)
    return sent


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
def session() -> Session:
    return Session("city", "high")


def test_the_first_word_to_a_gateway_is_the_wish_for_the_run(session: Session, gateway: Gateway) -> None:
    assert connect(session, gateway)[0] == {"type": "subscribe", "run": "city", "tier": "high"}


def test_where_a_token_is_asked_for_it_comes_first(gateway: Gateway) -> None:
    sent = Session("city", "auto", "t").take(gateway.welcome(auth=True), NOW_MS).send
    assert [message["type"] for message in sent] == ["auth", "subscribe", "ping"]
    again = Session("city", "auto", "t")
    again.take(gateway.welcome(auth=True, role=None), NOW_MS)
    assert again.take(gateway.welcome(role="viewer"), NOW_MS).send == [], "the answer to auth asks for nothing twice"
    with pytest.raises(Problem, match="asks for a token"):
        Session("city").take(gateway.welcome(auth=True), NOW_MS)


def test_a_refusal_before_anything_was_shown_is_final_and_says_why(session: Session, gateway: Gateway) -> None:
    session.take(gateway.welcome(), NOW_MS)
    with pytest.raises(Problem, match="no such run"):
        session.take({"type": "error", "code": "unknown_run", "message": "no such run", "run": "city"}, NOW_MS)


def test_a_refusal_later_on_is_a_message_like_others(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    error = {"type": "error", "code": "bad_field", "message": "x"}
    assert session.take(error, NOW_MS).message == error


def test_keyframes_and_deltas_become_records_of_real_values(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    assert session.take(gateway.frame(1, 10.0, key=True), NOW_MS).frame
    assert session.take(gateway.frame(2, 10.3), NOW_MS).frame
    assert session.record(NOW_MS) == {
        "run": "city",
        "offset": "1-2",
        "step": 2,
        "time_s": 0.2,
        "age_ms": 30.0,
        "tier": "high",
        "layers": {"cars": {"id": [7, 9], "x": [10.3, 11.3], "kind": ["a", "b"]}},
        "metrics": {"n": 2},
    }


def test_ids_that_are_strings_are_shown_as_strings(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    state = {"cars": LayerState(np.array([1], np.uint32), {}, ["veh.1"])}
    parts = gateway.chain.keyframe(state, {})
    frame = messages.frame("city", "high", "e1", Offset(1, 1), None, 1, 0.1, {}, parts, {})
    session.take(messages.decode(frame), NOW_MS)
    assert session.record(NOW_MS)["layers"] == {"cars": {"id": ["veh.1"]}}
    assert session.record(NOW_MS)["age_ms"] is None


def test_a_broken_chain_is_asked_about_once_and_shows_nothing_until_the_keyframe(
    session: Session, gateway: Gateway
) -> None:
    connect(session, gateway)
    session.take(gateway.frame(1, 1.0, key=True), NOW_MS)
    gateway.frame(2, 2.0)  # lost on the way
    taken = session.take(gateway.frame(3, 3.0), NOW_MS)
    assert not taken.frame
    assert taken.send == [{"type": "keyframe", "run": "city"}]
    assert session.take(gateway.frame(4, 4.0), NOW_MS).send == []
    assert session.take(gateway.frame(5, 5.0, key=True), NOW_MS).frame
    assert session.view.layers["cars"].column("x").to_list() == [5.0, 6.0]


def test_a_delta_of_another_tier_is_not_mistaken_for_ones_own(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    session.take(gateway.frame(1, 1.0, key=True), NOW_MS)
    low = Gateway(LOW)
    low.frame(1, 1.0, key=True)
    assert not session.take(low.frame(2, 9.0), NOW_MS).frame


def test_a_state_that_was_shown_is_not_shown_again_after_a_cut(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    session.take(gateway.frame(1, 1.0, key=True), NOW_MS)
    session.take(gateway.frame(2, 2.0), NOW_MS)
    connect(session, gateway, recovered=True)
    assert not session.take(gateway.frame(1, 1.0, key=True), NOW_MS).frame
    assert not session.take(gateway.frame(2, 2.0), NOW_MS).frame
    assert session.take(gateway.frame(3, 3.0), NOW_MS).frame


def test_a_new_owner_of_the_run_goes_on_with_higher_offsets(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    session.take(gateway.frame(90, 1.0, key=True), NOW_MS)
    assert session.take(gateway.frame(1, 2.0, key=True, epoch=2), NOW_MS).frame


def test_another_incarnation_of_the_run_begins_anew(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    session.take(gateway.frame(90, 1.0, key=True), NOW_MS)
    connect(session, gateway, epoch="e2", offset="0-0")
    assert session.take(gateway.frame(1, 2.0, key=True), NOW_MS).frame


def test_coming_back_it_names_the_last_lossless_message_and_takes_each_once(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    assert session.take(gateway.status(2, "a"), NOW_MS).message is not None
    sent = connect(session, gateway, offset="1-2", recovered=True)
    assert sent[0] == {"type": "subscribe", "run": "city", "tier": "high", "epoch": "e1", "offset": "1-2"}
    assert session.take(gateway.status(2, "a"), NOW_MS).message is None
    assert session.take(gateway.status(3, "b"), NOW_MS).message is not None


def test_what_could_not_be_recovered_is_skipped_to_the_offset_that_was_given(
    session: Session, gateway: Gateway
) -> None:
    connect(session, gateway, offset="1-50")
    assert session.take(gateway.status(50, "old"), NOW_MS).message is None
    assert session.take(gateway.status(51, "new"), NOW_MS).message is not None


def test_the_age_is_measured_by_the_gateways_clock(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    session.take({"type": "pong", "t": NOW_MS, "server_ms": NOW_MS + 5_010}, NOW_MS + 20)
    session.take(gateway.frame(1, 1.0, key=True), NOW_MS)
    assert session.age_ms(NOW_MS) == pytest.approx(5_030)


def test_messages_of_other_runs_and_unknown_types_change_nothing(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    assert session.take({"type": "frame", "run": "other"}, NOW_MS).message is None
    assert session.take({"type": "news"}, NOW_MS).send == []


def test_the_control_state_is_part_of_the_info(session: Session, gateway: Gateway) -> None:
    connect(session, gateway)
    body = {"paused": True, "stopping": False, "params": {"rate": 2}}
    message = messages.decode(messages.lossless("control_state", "city", "e1", Offset(1, 9), START, body))
    session.take(message, NOW_MS)
    assert session.info is not None
    assert session.info["control"] == body
