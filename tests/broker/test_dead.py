"""Dead letters on a real server: listed, shown, put back onto their lanes once, or dropped."""

from __future__ import annotations

from typing import Any

import pytest

from lanecast.broker import dead, keys, lease, scripts, wire
from lanecast.broker.commit import DEAD_FIELDS, MAX_WORDS, Commit
from lanecast.broker.dead import Letter
from lanecast.broker.errors import InvalidMessage, TooLarge

DATA = wire.encode({"values": {"a": 1.0}})
NUMBERED = {
    b"kind": b"metrics", b"data": DATA, b"producer": b"sim", b"epoch": b"2", b"seq": b"7", b"t_ms": b"5.000",
}  # fmt: skip


async def put_aside(client: Any, lane: str, fields: dict[bytes, bytes], *, cut: bool = False) -> Letter:
    """A dead letter, as a run's owner makes it."""
    held = lease.answer(await scripts.run(client, lease.acquire("r", "w")))
    n = await client.xlen(keys.dead("r")) + 1
    commit = Commit("r", held.epoch, n)
    commit.dead(lane, f"{n}-5", "why not", fields, cut=cut)
    assert commit.check(await scripts.run(client, commit.call())) == []
    return [letter async for letter in dead.letters(client, "r")][-1]


async def test_a_letter_tells_what_it_was_where_and_why(client: Any) -> None:
    letter = await put_aside(client, "normal", NUMBERED)
    assert (letter.lane, letter.entry, letter.reason, letter.kind, letter.cut) == (
        "normal", "1-5", "why not", "metrics", False,
    )  # fmt: skip
    assert letter.fields == NUMBERED
    assert letter.payload() == {"values": {"a": 1.0}}
    assert letter.to_dict()["bytes"] == sum(len(value) for value in NUMBERED.values())
    assert await dead.get(client, "r", letter.id) == letter
    assert await dead.get(client, "r", "5-5") is None


async def test_what_cannot_be_decoded_is_shown_all_the_same(client: Any) -> None:
    for fields in ({b"data": b"\xc1"}, {b"enc": b"xml", b"data": b"<x/>"}, {b"kind": b"\xff"}):
        assert (await put_aside(client, "normal", fields)).payload() is None


async def test_a_requeued_message_has_its_fields_but_no_number_and_is_no_letter_any_more(client: Any) -> None:
    letter = await put_aside(client, "normal", NUMBERED)
    assert await dead.requeue(client, "r", [letter.id, letter.id]) == {"done": 1, "missing": 1}
    ((_, fields),) = await client.xrange(keys.lane("r", "normal"))
    kept = {name: value for name, value in NUMBERED.items() if name not in {b"epoch", b"seq"}}
    assert fields == kept | {b"requeued": b"1-5"}
    assert wire.from_fields(fields, "normal").data == DATA
    assert await client.xlen(keys.dead("r")) == 0


async def test_a_requeued_frame_keeps_its_epoch_so_that_it_begins_no_new_life(client: Any) -> None:
    letter = await put_aside(client, "high", NUMBERED)
    assert await dead.requeue(client, "r", [letter.id]) == {"done": 1}
    ((_, fields),) = await client.xrange(keys.lane("r", "high"))
    assert fields == NUMBERED | {b"requeued": b"1-5"}


async def test_what_cannot_be_requeued_stays_and_says_why(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    cut = await put_aside(client, "normal", NUMBERED, cut=True)
    nowhere = await put_aside(client, "no-lane", NUMBERED)
    assert await dead.requeue(client, "r", [cut.id, nowhere.id]) == {"cut": 1, "unknown": 1}
    assert await client.xlen(keys.dead("r")) == 2
    assert await dead.drop(client, "r", [cut.id, nowhere.id, "1-1"]) == {"done": 2, "missing": 1}
    assert await client.xlen(keys.dead("r")) == 0


async def test_a_full_lane_takes_no_letter(client: Any) -> None:
    letter = await put_aside(client, "critical", NUMBERED)
    limit = scripts.Call(scripts.DEAD, _streams(), ("requeue", "0,-256,50000,-64", *_lanes(), letter.id))
    assert await scripts.run(client, limit) == [b"full"]
    assert await client.xlen(keys.dead("r")) == 1


async def test_an_id_that_is_none_is_refused_before_anything_is_done(client: Any) -> None:
    letter = await put_aside(client, "normal", NUMBERED)
    for wrong in ("", "5", "-", "+", "a-b", "1-", "1-2-3", "1" * 40 + "-1"):
        with pytest.raises(InvalidMessage, match="dead letter"):
            await dead.requeue(client, "r", [letter.id, wrong])
    assert await client.xlen(keys.dead("r")) == 1


async def test_more_than_a_page_of_letters_is_listed_and_taken(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dead, "PAGE", 3)
    monkeypatch.setattr(dead, "AT_ONCE", 4)
    for _ in range(10):
        await put_aside(client, "normal", NUMBERED)
    ids = [letter.id async for letter in dead.letters(client, "r")]
    assert len(ids) == 10
    assert await dead.requeue(client, "r", ids) == {"done": 10}
    rows = await client.xrange(keys.lane("r", "normal"))
    assert [fields[b"requeued"] for _, fields in rows] == [f"{n}-5".encode() for n in range(1, 11)], "in order"


async def test_a_message_of_very_many_fields_is_put_aside_in_part(client: Any) -> None:
    letter = await put_aside(client, "normal", {f"f{n}".encode(): b"x" for n in range(10_000)})
    assert (len(letter.fields), letter.cut) == (DEAD_FIELDS, True)


def test_a_command_of_too_many_words_is_refused_where_it_is_made() -> None:
    with pytest.raises(TooLarge, match="words in one command"):
        Commit("r", 1, 1).checkpoint(b"", {f"lane{n}": "1-1" for n in range(MAX_WORDS)})


def _streams() -> tuple[str, ...]:
    return keys.dead("r"), *(keys.lane("r", name) for name in _lanes())


def _lanes() -> tuple[str, ...]:
    return "critical", "high", "normal", "low"
