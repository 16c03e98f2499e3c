"""The vectors of what goes back and forth, commands and numbered publishing, are what the code and a server do."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest
from tests.producer.test_vectors import SPEC, load, vectors

from lanecast.broker import append, commands, keys, scripts
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import LANES
from lanecast.broker.wire import Message
from lanecast.producer.steering import Steering

MAKER = load("make_dialogues")


def test_the_files_are_what_their_script_would_write_today() -> None:
    for name, text in MAKER.files().items():
        stored = (SPEC / "vectors" / name).read_text("utf-8")
        assert stored == text, f"{name} differs: run producer/spec/make_dialogues.py and look at the change"


@pytest.mark.parametrize("vector", vectors("commands-good.json"))
def test_a_good_command_means_what_its_vector_says(vector: dict[str, Any]) -> None:
    assert MAKER.meaning_of(vector["fields"]) == vector["command"]


@pytest.mark.parametrize("vector", vectors("commands-bad.json"))
def test_a_bad_command_is_refused_by_the_field_of_its_vector(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as refused:
        MAKER.meaning_of(vector["fields"])
    assert refused.value.field == vector["field"]


@pytest.mark.parametrize("vector", vectors("steering.json"))
def test_a_simulation_answers_commands_as_its_vector_says(vector: dict[str, Any]) -> None:
    said: list[list[Any]] = []
    steering = Steering(vector["params"], lambda kind, payload: said.append([kind, dict(payload)]))
    for step in vector["steps"]:
        said.clear()
        fields = {name.encode(): value.encode() for name, value in step["hears"].items()}
        steering.handle(commands.from_fields(fields), step["now_ms"])
        answers = [[kind, payload] for kind, payload in said if kind in {"control", "result"}]
        for kind, payload in answers:
            if kind == "result":
                assert bool(payload.pop("error", None)) != payload["ok"], "whoever refuses says why, in its own words"
        assert answers == step["says"]


@pytest.mark.parametrize("vector", vectors("appends.json"))
async def test_a_server_answers_numbered_messages_as_their_vector_says(vector: dict[str, Any], client: Any) -> None:
    run = "vector"
    for step in vector["steps"]:
        if step["do"] == "register":
            epoch = await client.hincrby(keys.producers(run), step["producer"], step.get("by", 1))
            assert epoch == step["answer"]
        elif step["do"] == "empty":
            await client.flushall()
        elif step["do"] == "read":
            await client.xtrim(keys.lane(run, "critical"), 0)
        else:
            lane = dataclasses.replace(LANES[step["lane"]], max_entries=step["limit"])
            batch = [Message("log", text.encode(), "json", t_ms=1.0) for text in step["data"]]
            call = append.call(run, lane, step["producer"], step["epoch"], step["seq"], batch)
            answer = append.answer(await scripts.run(client, call))
            assert [answer.status, answer.seq] == step["answer"], step
    for name, lane in LANES.items():
        entries = await client.xrange(keys.lane(run, name))
        held = [b"%b:%b %b" % (f[b"epoch"], f[b"seq"], f[b"data"]) for _, f in entries]
        assert held == [text.encode() for text in vector["holds"].get(name, [])], lane.name


def test_the_vectors_show_every_answer_and_every_command() -> None:
    appends = json.loads((SPEC / "vectors" / "appends.json").read_text("utf-8"))
    answers = {step["answer"][0] for vector in appends for step in vector["steps"] if step["do"] == "append"}
    assert answers == {"ok", "gap", "full", "fenced"}
    dialogues = json.loads((SPEC / "vectors" / "steering.json").read_text("utf-8"))
    heard = {step["hears"]["name"] for vector in dialogues for step in vector["steps"]}
    assert heard > set(commands.NAMES)
