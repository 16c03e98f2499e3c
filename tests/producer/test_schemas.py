"""The JSON Schemas beside the wire's page say what the code does, as far as a schema can."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from tests.producer.test_vectors import MAKER, SPEC, vectors
from tests.support.schemas import NAMES, problem, schema

from lanecast.broker import checks, columns, commands, payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import KINDS, LANES
from lanecast.broker.params import PARAM_TYPES

BEYOND = {
    "more than 4 MiB": "bytes are not counted",
    "a raw image of another size": "sizes are not multiplied",
    "data that is not JSON": "it cannot be decoded",
    "data that is not MessagePack": "it cannot be decoded",
    "MessagePack cut short": "it cannot be decoded",
    "a MessagePack extension": "it cannot be decoded",
    "NaN in JSON": "it cannot be decoded",
    "infinity in MessagePack": "infinity is a number to a schema",
    "columns of different lengths": "lengths are not compared",
    "rows with different fields": "rows are not compared",
    "NaN in a typed column": "what is in a binary is not looked at",
    "a typed column cut short": "what is in a binary is not looked at",
    "a code past the strings": "what is in a binary is not looked at",
    "a parameter over its maximum": "values are not compared",
    "points that are not pairs": "lengths are not counted in pairs",
    "starts that do not rise": "values are not compared",
}
"""Bad vectors that no schema can tell from good ones, and why."""


def found_wrong(vector: dict[str, Any]) -> str | None:
    """What the schemas find wrong with a vector: with its entry's fields, or with its payload."""
    fields = MAKER.fields_of(vector["fields"])
    entry = {name.decode(): value if name == b"data" else value.decode() for name, value in fields.items()}
    wrong = problem(entry, "entry", vector["lane"])
    if wrong is not None or "decoded" in BEYOND.get(vector["name"], ""):
        return wrong
    data = fields[b"data"]
    if len(data) > wire.MAX_DATA_BYTES:
        return None
    payload = wire.decode(data, entry.get("enc", "msgpack"))
    return problem(payload, "payloads", entry["kind"])


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_one(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(name))


@pytest.mark.parametrize("vector", vectors("entries-good.json"))
def test_a_good_entry_fits_the_schemas(vector: dict[str, Any]) -> None:
    assert found_wrong(vector) is None


@pytest.mark.parametrize("vector", vectors("entries-bad.json"))
def test_a_bad_entry_fits_only_where_a_schema_cannot_tell(vector: dict[str, Any]) -> None:
    assert (found_wrong(vector) is None) == (vector["name"] in BEYOND), "BEYOND lists what a schema cannot tell"


def test_what_a_schema_cannot_tell_is_listed_for_vectors_that_exist() -> None:
    assert {
        vector["name"] for vector in json.loads((SPEC / "vectors" / "entries-bad.json").read_text())
    } >= BEYOND.keys()


@pytest.mark.parametrize("vector", vectors("commands-good.json"))
def test_a_good_command_fits_the_schemas(vector: dict[str, Any]) -> None:
    assert problem(vector["fields"], "commands", "entry") is None
    assert problem(vector["command"], "commands", "command") is None


@pytest.mark.parametrize("vector", vectors("commands-bad.json"))
def test_a_bad_command_does_not(vector: dict[str, Any]) -> None:
    wrong = problem(vector["fields"], "commands", "entry")
    args = vector["fields"].get("args", "{}")
    try:
        wrong = wrong or problem(wire.decode(args.encode(), "json"), "commands", "args")
    except InvalidMessage as error:
        wrong = str(error)
    assert wrong is not None


def test_the_schemas_name_the_kinds_lanes_and_limits_of_the_code() -> None:
    entry, defs = schema("entry"), schema("payloads")["$defs"]
    assert entry["properties"]["kind"]["enum"] == list(dict.fromkeys(KINDS))
    for name, lane in LANES.items():
        assert entry["$defs"][name]["properties"]["kind"]["enum"] == list(lane.kinds)
    assert defs.keys() >= set(KINDS)
    assert defs["dtype"]["enum"] == list(columns.NUMPY_DTYPES)
    assert defs["status"]["properties"]["level"]["enum"] == list(payloads.LEVELS)
    assert defs["lifecycle"]["properties"]["state"]["enum"] == list(payloads.LIFECYCLE_STATES)
    assert defs["param"]["properties"]["type"]["enum"] == list(PARAM_TYPES)
    assert defs["name"]["maxLength"] == checks.MAX_NAME
    assert defs["string"]["maxLength"] == checks.MAX_STRING
    assert defs["text"]["maxLength"] == payloads.MAX_TEXT
    assert defs["rows"]["maxItems"] == columns.MAX_ROWS
    assert defs["columns"]["maxProperties"] == columns.MAX_COLUMNS
    assert defs["frame"]["properties"]["layers"]["maxProperties"] == payloads.MAX_LAYERS
    assert defs["metrics"]["properties"]["values"]["maxProperties"] == payloads.MAX_METRICS
    steering = schema("commands")["$defs"]
    assert steering["name"]["enum"] == list(commands.NAMES)
    assert steering["steps"]["maximum"] == commands.MAX_STEPS
    assert f"{wire.MAX_DATA_BYTES:,} bytes" in entry["description"]
