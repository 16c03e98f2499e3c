"""Writes `asyncapi.yaml`, the AsyncAPI 3 document of all streams and the WebSocket.

`python producer/spec/make_asyncapi.py`. Lanes, kinds, tiers, limits and messages come from the code and the schemas; a
test fails when the file differs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from lanecast.broker import commands, commit, keys, messages, pictures, wire
from lanecast.broker.lanes import KINDS, LANES
from lanecast.broker.tiers import SERVED, TIERS

SPEC = Path(__file__).parent
SCHEMA_FORMAT = "application/schema+json;version=draft-2020-12"
TAG = "{tag}"
"""Stands for the run's hash tag in addresses: AsyncAPI cannot write literal braces."""
SHOWN = ("frame", "frame_json", "image", "image_json")
SAYS = {
    "lifecycle": "What the run is, and what state it is in",
    "control": "What the simulation really does now",
    "result": "The answer to one command",
    "scene": "The static map",
    "status": "A line for the event log",
    "frame": "State at one step",
    "events": "A batch of events of one type",
    "metrics": "Named numbers",
    "log": "A line of much and unimportant text",
    "image": "One camera picture",
}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lanecast",
            "version": f"{wire.VERSION}.0.0",
            "description": (
                "The wire (Redis Streams) and the viewer protocol (WebSocket), from Lanecast's side: it receives what "
                "producers publish, and sends what viewers get. Pages for people: producer/spec/README.md and "
                "docs/protocol/viewer.md."
            ),
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/msgpack",
        "servers": {
            "redis": {
                "host": "127.0.0.1:6379", "protocol": "redis",
                "description": "Redis 7.0 or Valkey 8 and newer: alone, Sentinel or Cluster",
            },
            "gateway": {"host": "127.0.0.1:8080", "protocol": "ws", "description": "Any gateway; wss behind a proxy"},
        },
        "channels": _channels(),
        "operations": _operations(),
        "components": {"messages": _messages()},
    }  # fmt: skip


def text() -> str:
    """The document as YAML."""
    body = yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=120)
    return "# Written by make_asyncapi.py from the code and the schemas: change those, and run it again.\n" + str(body)


def _channels() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for lane in LANES.values():
        promise = "at least once, in order" if lane.lossless else "at most once, the newest first"
        channels[f"in_{lane.name}"] = _stream(
            keys.lane("tag", lane.name), f"Lane {lane.name}: {promise}", lane.kinds,
            {"x-lossless": lane.lossless, "x-max-entries": lane.max_entries, "x-ttl-ms": lane.ttl_ms},
        )  # fmt: skip
    channels["ctl"] = _stream(
        keys.control("tag"), "Commands to the producer", ["ctl_command"],
        {"x-max-entries": commands.STREAM_KEPT, "x-expires-ms": commands.EXPIRES_MS},
    )  # fmt: skip
    channels["out_critical"] = _stream(
        keys.out("tag", "critical"), "What viewers must not miss; in the entry's field `data`",
        [f"viewer_{name}" for name in messages.LOSSLESS], {"x-max-entries": commit.CRITICAL_KEPT},
    )  # fmt: skip
    for tier in SERVED:
        channels[f"out_{tier}"] = _stream(
            keys.out("tag", tier), f"Frames of tier {tier}; in the entry's field `data`", ["viewer_frame"],
            {"x-max-entries": commit.FRAMES_KEPT},
        )  # fmt: skip
    for tier in TIERS:
        channels[f"img_{tier}"] = _stream(
            keys.image("tag", tier), f"Camera pictures of tier {tier}; in the entry's field `data`", ["viewer_image"],
            {"x-max-entries": pictures.KEPT},
        )  # fmt: skip
    every = [f"viewer_{name}" for name in (*_said(), *SHOWN)] + [f"viewer_{name}" for name in _sent()]
    channels["viewer"] = {
        "address": "/ws",
        "description": "One WebSocket, any number of runs (/ws/RUN: with one from the start); "
        "subprotocols lanecast.v1 and lanecast.json.v1",
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": {name: _message_ref(name) for name in every},
        "bindings": {"ws": {"method": "GET", "bindingVersion": "0.1.0"}},
    }
    return channels


def _stream(address: str, description: str, names: Any, more: dict[str, Any]) -> dict[str, Any]:
    return {
        "address": address.replace("{tag}", TAG),
        "description": f"Redis Stream. {description}",
        "servers": [{"$ref": "#/servers/redis"}],
        "parameters": {"tag": {"description": "The run's id in literal braces, such as {hello}"}},
        "messages": {name: _message_ref(name) for name in names},
        **more,
    }


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for lane in LANES:
        operations[f"take_{lane}"] = _operation("receive", f"in_{lane}", f"A producer publishes on lane {lane}")
    operations["steer"] = _operation("send", "ctl", "A viewer's command goes to the producer")
    for stream in ("critical", *SERVED):
        operations[f"give_{stream}"] = _operation("send", f"out_{stream}", f"A worker gives out {stream}")
    for tier in TIERS:
        operations[f"picture_{tier}"] = _operation("send", f"img_{tier}", f"A worker gives out pictures of tier {tier}")
    sent = [f"viewer_{name}" for name in _sent()]
    said = [f"viewer_{name}" for name in (*_said(), *SHOWN)]
    operations["hear_viewer"] = _operation("receive", "viewer", "A viewer asks for something", sent)
    operations["tell_viewer"] = _operation("send", "viewer", "A gateway tells a viewer", said)
    return operations


def _operation(action: str, channel: str, summary: str, names: list[str] | None = None) -> dict[str, Any]:
    operation: dict[str, Any] = {"action": action, "channel": {"$ref": f"#/channels/{channel}"}, "summary": summary}
    if names is not None:
        operation["messages"] = [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in names]
    return operation


def _messages() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for kind in KINDS:
        found[kind] = {
            "name": kind,
            "title": SAYS[kind],
            "headers": _schema("entry"),
            "payload": _schema("payloads", kind),
            "x-max-bytes": wire.MAX_DATA_BYTES,
        }
    found["ctl_command"] = {
        "name": "command", "title": "A command, as the fields of an entry", "payload": _schema("commands", "entry"),
    }  # fmt: skip
    for name in (*_said(), "frame", "image", *_sent()):
        found[f"viewer_{name}"] = {"name": name, "payload": _schema("viewer", name)}
    found["viewer_frame_json"] = {
        "name": "frame", "title": "A frame in lanecast.json.v1", "contentType": "application/json",
        "payload": _schema("viewer", "frame_json"),
    }  # fmt: skip
    found["viewer_image_json"] = {
        "name": "image", "title": "A picture in lanecast.json.v1", "contentType": "application/json",
        "payload": _schema("viewer", "image_json"),
    }  # fmt: skip
    return found


def _message_ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/messages/{name}"}


def _schema(file: str, definition: str = "") -> dict[str, Any]:
    place = f"#/$defs/{definition}" if definition else ""
    return {"schemaFormat": SCHEMA_FORMAT, "schema": {"$ref": f"./schema/{file}.json{place}"}}


def _said() -> list[str]:
    return _alternatives("said")


def _sent() -> list[str]:
    return _alternatives("sent")


def _alternatives(definition: str) -> list[str]:
    viewer = json.loads((SPEC / "schema" / "viewer.json").read_text("utf-8"))
    return [each["$ref"].rpartition("/")[2] for each in viewer["$defs"][definition]["oneOf"]]


if __name__ == "__main__":
    (SPEC / "asyncapi.yaml").write_text(text(), "utf-8")
