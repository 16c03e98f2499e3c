"""The AsyncAPI document is whole, is AsyncAPI 3, and says what the code does.

No library on PyPI validates AsyncAPI 3 and is well kept; so what its specification asks of the objects that are used is
checked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml
from tests.producer.test_vectors import SPEC, load
from tests.support.schemas import NAMES, schema

from lanecast.broker import keys
from lanecast.broker.lanes import KINDS, LANES
from lanecast.broker.tiers import SERVED, TIERS
from lanecast.gateway import inbound

DOCUMENT: dict[str, Any] = yaml.safe_load((SPEC / "asyncapi.yaml").read_text("utf-8"))

FIELDS: dict[str, tuple[set[str], set[str]]] = {
    "document": ({"asyncapi", "info"}, {"defaultContentType", "servers", "channels", "operations", "components"}),
    "info": ({"title", "version"}, {"description", "license"}),
    "server": ({"host", "protocol"}, {"description"}),
    "channel": (set(), {"address", "description", "servers", "parameters", "messages", "bindings"}),
    "parameter": (set(), {"description"}),
    "operation": ({"action", "channel"}, {"summary", "messages"}),
    "message": (set(), {"name", "title", "contentType", "headers", "payload"}),
    "multi format schema": ({"schemaFormat", "schema"}, set()),
}
"""What AsyncAPI 3.0.0 asks of an object, and which of its other fields are used: required, optional."""


def objects() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """What kind of object, where, and the object, for everything in the document."""
    yield "document", "", DOCUMENT
    yield "info", "info", DOCUMENT["info"]
    for place, kind in (("servers", "server"), ("channels", "channel"), ("operations", "operation")):
        for name, each in DOCUMENT[place].items():
            yield kind, f"{place}/{name}", each
            for parameter, described in each.get("parameters", {}).items():
                yield "parameter", f"{place}/{name}/{parameter}", described
    for name, message in DOCUMENT["components"]["messages"].items():
        yield "message", name, message
        for field in ("headers", "payload"):
            if field in message:
                yield "multi format schema", f"{name}/{field}", message[field]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            assert value.keys() == {"$ref"}, f"what stands beside a reference is not read: {value}"
            yield value["$ref"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def resolve(reference: str) -> Any:
    file, _, pointer = reference.partition("#")
    if file:
        name = re.fullmatch(r"\./schema/(\w+)\.json", file)
        assert name is not None, reference
        assert name[1] in NAMES, reference
    found: Any = schema(name[1]) if file and name else DOCUMENT
    for word in pointer.split("/")[1:]:
        found = found[word]
    return found


def test_the_file_is_what_its_script_would_write_today() -> None:
    stored = (SPEC / "asyncapi.yaml").read_text("utf-8")
    assert stored == load("make_asyncapi").text(), "run producer/spec/make_asyncapi.py and look at the change"


def test_every_object_has_what_asyncapi_asks_for_and_nothing_else() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    for kind, place, each in objects():
        required, optional = FIELDS[kind]
        fields = {name for name in each if not name.startswith("x-")}
        assert required <= fields <= required | optional, f"{kind} {place}"
        assert all(re.fullmatch(r"x-[\w.-]+", name) for name in each.keys() - fields)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 40
    for reference in found:
        assert resolve(reference) is not None, reference


def test_every_parameter_of_an_address_is_described_and_the_other_way_round() -> None:
    for name, channel in DOCUMENT["channels"].items():
        assert set(re.findall(r"\{(\w+)\}", channel["address"])) == channel.get("parameters", {}).keys(), name


def test_every_operation_is_about_messages_of_its_channel() -> None:
    used = set()
    for name, operation in DOCUMENT["operations"].items():
        assert operation["action"] in {"send", "receive"}
        channel = operation["channel"]["$ref"]
        used.add(channel.rpartition("/")[2])
        for message in operation.get("messages", ()):
            assert message["$ref"].startswith(f"{channel}/messages/"), name
    assert used == DOCUMENT["channels"].keys()


def test_every_message_is_on_a_channel() -> None:
    on_channels = {ref for channel in DOCUMENT["channels"].values() for ref in references(channel["messages"])}
    assert on_channels == {f"#/components/messages/{name}" for name in DOCUMENT["components"]["messages"]}


def test_the_channels_are_the_streams_of_the_code() -> None:
    addresses = {channel["address"].replace("{tag}", "{demo}") for channel in DOCUMENT["channels"].values()}
    streams = {keys.lane("demo", lane) for lane in LANES} | {keys.out("demo", name) for name in ("critical", *SERVED)}
    streams |= {keys.image("demo", name) for name in TIERS}
    assert addresses == streams | {keys.control("demo"), "/ws"}
    for name, lane in LANES.items():
        channel = DOCUMENT["channels"][f"in_{name}"]
        assert tuple(channel["messages"]) == lane.kinds
        bounds = (channel["x-lossless"], channel["x-max-entries"], channel["x-ttl-ms"])
        assert bounds == (lane.lossless, lane.max_entries, lane.ttl_ms)
    heard = {ref["$ref"].rpartition("/viewer_")[2] for ref in DOCUMENT["operations"]["hear_viewer"]["messages"]}
    assert heard == set(inbound._READERS)
    assert set(KINDS) <= DOCUMENT["components"]["messages"].keys()
