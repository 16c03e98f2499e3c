"""Commands and lag, on a real server."""

from __future__ import annotations

from typing import Any

import pytest

from lanecast.broker import commands, keys, lag, scripts
from lanecast.broker.commands import Command
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.runs import RunInfo

INFO = RunInfo("r", "e", params={"gain": {"type": "float", "value": 1.0, "min": 0.0, "max": 5.0}})
PAUSE = Command("c1", "pause", {}, "ann", 99e12)


async def send(client: Any, command: Command) -> Any:
    return commands.answer(await scripts.run(client, commands.call("r", command)))


async def test_a_command_is_sent_once_however_often_it_is_asked_for(client: Any) -> None:
    await client.set(keys.alive("r"), "p")
    assert await send(client, PAUSE) == ("sent", None)
    assert await send(client, PAUSE) == ("known", None)
    await client.set(keys.command("r", "c1"), '{"ok":true}')
    assert await send(client, PAUSE) == ("known", {"ok": True})
    entries = await client.xrange(keys.control("r"))
    assert [commands.from_fields(fields) for _, fields in entries] == [PAUSE]


async def test_it_is_said_at_once_when_nobody_obeys(client: Any) -> None:
    assert await send(client, PAUSE) == ("nobody", None)
    assert not await client.exists(keys.control("r"), keys.command("r", "c1"))


@pytest.mark.parametrize(
    ("name", "args", "field"),
    [
        ("reboot", {}, "name"),
        (7, {}, "name"),
        ("step", {"steps": 0}, "args.steps"),
        ("step", {"steps": 10**9}, "args.steps"),
        ("pause", [], "args"),
        ("set_params", {}, "args.params"),
        ("set_params", {"params": {"volume": 1}}, "args.params.volume"),
        ("set_params", {"params": {"gain": "loud"}}, "args.params.gain"),
        ("set_params", {"params": {"gain": True}}, "args.params.gain"),
        ("set_params", {"params": {"gain": 5.1}}, "args.params.gain"),
        ("set_params", {"params": {"gain": float("nan")}}, "args.params.gain"),
    ],
)
def test_a_command_that_the_run_cannot_take_is_refused_by_field(name: Any, args: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as caught:
        commands.check(name, args, INFO)
    assert caught.value.field == field


def test_arguments_come_out_checked() -> None:
    assert commands.check("set_params", {"params": {"gain": 2}}, INFO) == {"params": {"gain": 2.0}}
    assert commands.check("step", None, INFO) == {"steps": 1}
    assert commands.check("stop", {"now": True}, INFO) == {}


async def test_lag_agrees_with_counting_by_hand_even_after_deletions(client: Any) -> None:
    lane = keys.lane("r", "normal")
    ids = [await client.xadd(lane, {"n": n}) for n in range(700)]
    await client.xgroup_create(lane, keys.WORKER_GROUP, ids[99])
    await client.xdel(lane, ids[300], ids[50])
    await client.xgroup_create(lane, "other", "$")
    by_reader = {row.reader: row for row in await lag.of_run(client, "r")}
    assert by_reader["workers"].entries == 599
    assert by_reader["workers"].stream == "in:normal"
    assert 0 <= by_reader["workers"].age_s < 10
    assert (by_reader["other"].entries, by_reader["other"].age_s) == (0, 0.0)


async def test_a_lane_that_no_worker_has_seen_lags_by_all_of_it(client: Any) -> None:
    await client.xadd(keys.lane("r", "high"), {"n": 1})
    assert [(row.reader, row.entries) for row in await lag.of_run(client, "r")] == [("workers", 1)]
