"""Writes the test vectors in `vectors/` from the Python code: `python producer/spec/make_vectors.py`.

With `--check` nothing is written; the exit status is 1 if a file differs from what would be. The code that reads
an entry decides what a vector means, so a change of meaning shows as a change of these files.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lanecast.broker import messages, payloads, wire
from lanecast.broker.columns import Column
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.offsets import Offset
from lanecast.broker.payloads import Layer
from lanecast.broker.rendition import Chain, LayerState, View
from lanecast.broker.tiers import SERVED, TIERS

FOLDER = Path(__file__).parent / "vectors"

Fields = dict[str, Any]


def fields_of(raw: Mapping[str, Any]) -> dict[bytes, bytes]:
    """The entry's fields as a Redis client gives them: text, `{"hex": …}` or `{"repeat": hex, "times": n}`."""
    return {name.encode(): _bytes(value) for name, value in raw.items()}


def meaning_of(payload: payloads.Payload) -> Any:
    """A payload as plain values: what an entry says, whatever form it has on the wire."""
    if isinstance(payload, payloads.Frame):
        return {
            "step": payload.step,
            "time_s": payload.time_s,
            "partial": payload.partial,
            "layers": {name: _layer(layer) for name, layer in payload.layers.items()},
            "gone": {name: _plain(ids) for name, ids in payload.gone.items()},
            "phases": payload.phases,
        }
    if isinstance(payload, payloads.Events):
        items = {name: column.to_list() for name, column in payload.items.items()}
        return {"type": payload.type, "time_s": payload.time_s, "items": items}
    if isinstance(payload, payloads.Scene):
        scene = wire.decode(payload.data, "msgpack")
        for shapes in (scene.get("lines"), scene.get("areas")):
            for name in ("points", "starts", "width") if shapes else ():
                if name in shapes:
                    shapes[name] = np.frombuffer(shapes[name]["data"], shapes[name]["dtype"]).tolist()
        return scene
    if isinstance(payload, payloads.Image):
        shape = {name: getattr(payload, name) for name in ("width", "height", "channels") if payload.channels}
        return {"camera": payload.camera, "mime": payload.mime, "step": payload.step, "time_s": payload.time_s, **shape,
                "data": {"hex": payload.data.hex()}}  # fmt: skip
    return {name: getattr(payload, name) for name in payload.__dataclass_fields__}


def view_of(view: View) -> dict[str, Any]:
    """What a view has, as plain values, row by row in the view's own order."""
    return {
        "offset": view.offset,
        "metrics": dict(view.metrics),
        "left_out": list(view.left_out),
        "layers": {
            name: {
                "id": layer.ids.tolist(),
                "names": None if layer.names is None else list(layer.names),
                "lod": None if layer.cell is None else {"cell": layer.cell},
                "columns": {column: layer.column(column).to_list() for column in layer.columns},
            }
            for name, layer in view.layers.items()
        },
    }


def good() -> list[dict[str, Any]]:
    """Entries that every reader understands, and what they mean."""
    vectors = []
    for name, lane, fields in _good_entries():
        message = wire.from_fields(fields_of(fields), lane)
        vectors.append(
            {
                "name": name,
                "lane": lane,
                "fields": fields,
                "message": {
                    "kind": message.kind, "enc": message.enc, "t_ms": message.t_ms,
                    "producer": message.producer, "epoch": message.epoch, "seq": message.seq,
                },
                "payload": meaning_of(payloads.read(message)),
            }
        )  # fmt: skip
    return vectors


def bad() -> list[dict[str, Any]]:
    """Entries that every reader refuses, by the name of the field that is wrong."""
    vectors = []
    for name, lane, fields in _bad_entries():
        try:
            payloads.read(wire.from_fields(fields_of(fields), lane))
        except InvalidMessage as refused:
            vectors.append(
                {"name": name, "lane": lane, "fields": fields, "field": refused.field, "cause": refused.cause}
            )
        else:
            raise SystemExit(f"{name}: this entry was meant to be refused")
    return vectors


def renditions() -> list[dict[str, Any]]:
    """Frames as viewers get them, and what a view has after each."""
    chains = [_chain(f"tier {tier}", tier, _states()) for tier in SERVED]
    crowds = _crowds()
    small = [({"few": layers["few"], **_bulk(layers)}, metrics, restart) for layers, metrics, restart in crowds]
    chains.append(_chain("tier ultra_low, what it shows", "ultra_low", crowds))
    chains.append(_chain("tier low, what it shows", "low", small[:5]))
    return chains


def files() -> dict[str, str]:
    """Name -> text of every file of vectors."""
    return {
        "entries-good.json": _text(good()),
        "entries-bad.json": _text(bad()),
        "renditions.json": _text(renditions()),
    }


def _text(vectors: list[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(vector, ensure_ascii=False, allow_nan=False) for vector in vectors) + "\n]\n"


def _json(payload: Any) -> Fields:
    return {"enc": "json", "data": json.dumps(payload, ensure_ascii=False)}


def _msgpack(payload: Any) -> Fields:
    return {"data": {"hex": wire.encode(payload).hex()}}


def _bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if "hex" in value:
        return bytes.fromhex(value["hex"])
    return bytes.fromhex(value["repeat"]) * int(value["times"])


def _layer(layer: Layer) -> dict[str, Any]:
    return {"id": _plain(layer.ids)} | {name: column.to_list() for name, column in layer.columns.items()}


def _plain(ids: Any) -> list[Any]:
    return list(ids) if isinstance(ids, list) else ids.tolist()


def _typed(dtype: str, values: list[float], strings: list[str] | None = None) -> dict[str, Any]:
    column: dict[str, Any] = {"dtype": dtype, "data": np.asarray(values, f"<{dtype}").tobytes()}
    return column if strings is None else {**column, "values": strings}


def _frame(layers: Any, **more: Any) -> dict[str, Any]:
    return {"step": 1, "time_s": 0.1, "layers": layers, **more}


_POINTS = {"id": [1, 2], "x": [0, 10], "y": [0, 5]}
_ROADS: dict[str, Any] = {
    "kind": "roads", "bounds": [0, 0, 100, 50],
    "lines": {"points": [0, 0, 100, 0, 0, 10, 50, 10, 100, 50], "starts": [0, 2], "width": [3.5, 7], "id": ["a", "b"]},
    "areas": {"points": [0, 0, 10, 0, 10, 10], "starts": [0]},
}  # fmt: skip
_PARAMS = {
    "gain": {"type": "float", "value": 1.5, "min": 0, "max": 5, "step": 0.1, "unit": "dB", "title": "Gain"},
    "cars": {"type": "int", "value": 3, "min": 0},
    "rain": {"type": "bool", "value": False},
    "mode": {"type": "choice", "value": "slow", "choices": ["slow", "fast"]},
}


def _good_entries() -> list[tuple[str, str, Fields]]:
    frame = {"kind": "frame"}
    numbered = {"v": "1", "t_ms": "1700000000000.250", "producer": "sim-1", "epoch": "3", "seq": "17"}
    return [
        ("the README's first frame", "high", frame | _json(_frame({"points": _POINTS}))),
        ("the same as rows", "high", frame | _json(_frame({"points": [
            {"id": 1, "x": 0, "y": 0}, {"id": 2, "x": 10, "y": 5}]}))),
        ("the same as MessagePack", "high", frame | _msgpack(_frame({"points": _POINTS}))),
        ("the same as typed columns", "high", frame | _msgpack(_frame({"points": {
            "id": _typed("u4", [1, 2]), "x": _typed("f8", [0, 10]), "y": _typed("f4", [0, 5])}}))),
        ("every numeric dtype", "high", frame | _msgpack(_frame({"points": {
            "id": _typed("u1", [7, 255]), "a": _typed("i1", [-128, 127]), "b": _typed("u2", [0, 65535]),
            "c": _typed("i2", [-32768, 32767]), "d": _typed("u4", [0, 4294967295]),
            "e": _typed("i4", [-2147483648, 2147483647]), "f": _typed("f4", [0.5, -1.25]),
            "g": _typed("f8", [0.1, 1e300])}}))),
        ("strings as a list", "high", frame | _json(_frame({"lights": {"id": ["n:0", "n:1"], "state": ["G", "r"]}}))),
        ("strings as codes", "high", frame | _msgpack(_frame({"lights": {
            "id": ["n:0", "n:1", "n:2"], "state": _typed("u1", [1, 0, 1], ["r", "G"])}}))),
        ("strings beyond ASCII", "high", frame | _json(_frame({"städte": {"id": ["Köln", "東京"], "x": [1, 2]}}))),
        ("booleans are 0 and 1", "high", frame | _json(_frame({"points": {"id": [1, 2], "on": [True, False]}}))),
        ("the largest numeric id", "high", frame | _json(_frame({"points": {"id": [0, 4294967295]}}))),
        ("a layer without entities", "high", frame | _json(_frame({"points": [], "lights": {"id": []}}))),
        ("a frame without layers", "high", frame | _json(_frame({}))),
        ("a partial frame", "high", frame | _json(_frame(
            {"points": {"id": [2], "x": [11]}}, partial=True, gone={"points": [1], "lights": ["n:0"]}))),
        ("phases", "high", frame | _json(_frame({}, phases={"physics": 1.5, "read": 0}))),
        ("unknown keys and fields are ignored", "high", frame | {"later": "x"} | _json(_frame({}, later={"a": 1}))),
        ("all fields", "high", frame | numbered | _json(_frame({}))),
        ("a negative step and time", "high", frame | _json({"step": -1, "time_s": -0.5, "layers": {}})),
        ("traffic events", "normal", {"kind": "events"} | _json({
            "type": "traffic", "time_s": 2,
            "items": {"edge": ["a", "b"], "mean_speed": [8.5, 0], "occupancy": [0.25, 1]}})),
        ("events as rows", "normal", {"kind": "events"} | _msgpack({
            "type": "energy", "time_s": 2.5, "items": [{"building": "b1", "kw": 3.5}]})),
        ("metrics", "normal", {"kind": "metrics"} | _json({"step": 4, "time_s": 0.4, "values": {"loss": 0.1, "n": 3}})),
        ("metrics without a time", "normal", {"kind": "metrics"} | _json({"values": {"loss": 0.1}})),
        ("a status", "critical", {"kind": "status"} | _json({"level": "warning", "text": "hot: 90 °C", "time_s": 1})),
        ("a status with its text only", "normal", {"kind": "status"} | _json({"text": "hello"})),
        ("a log line", "low", {"kind": "log"} | _json({"level": "info", "text": "step 7", "time_s": 0.7})),
        ("a first lifecycle", "critical", {"kind": "lifecycle"} | numbered | _json({
            "state": "created", "title": "A city", "kind": "traffic",
            "metadata": {"seed": 42, "night": False, "by": "me"}, "params": _PARAMS})),
        ("a later lifecycle", "critical", {"kind": "lifecycle"} | _json({"state": "paused"})),
        ("a lifecycle with units", "critical", {"kind": "lifecycle"} | _json({
            "state": "running", "units": {"tanks": {"level": "m", "pressure": "kPa"}}})),
        ("a control", "critical", {"kind": "control"} | _json({
            "paused": True, "stopping": False, "params": {"gain": 1.5}})),
        ("a result", "critical", {"kind": "result"} | _json({"command_id": "c-1", "ok": True})),
        ("a result that refuses", "critical", {"kind": "result"} | _json({
            "command_id": "c-2", "ok": False, "error": "7 is above the maximum 5", "field": "args.params.gain"})),
        ("a scene", "critical", {"kind": "scene"} | _json(_ROADS)),
        ("a scene in typed columns", "critical", {"kind": "scene"} | _msgpack({
            "kind": "roads", "bounds": [-1.5, 0, 1, 1],
            "lines": {"points": _typed("f4", [0, 0, 1, 1]), "starts": _typed("u4", [0])}})),
        ("a scene with bounds only", "critical", {"kind": "scene"} | _json({"kind": "plain", "bounds": [0, 0, 1, 1]})),
        ("an image", "low", {"kind": "image"} | _msgpack({
            "camera": "front", "mime": "image/jpeg", "step": 3, "time_s": 0.3, "data": b"\xff\xd8\xff"})),
        ("a raw image", "low", {"kind": "image"} | _msgpack({
            "camera": "front", "mime": "image/x-raw", "step": 4, "time_s": 0.4, "width": 2, "height": 2, "channels": 3,
            "data": bytes(range(12))})),
    ]  # fmt: skip


def _bad_entries() -> list[tuple[str, str, Fields]]:
    frame = {"kind": "frame"}
    empty = _json(_frame({}))

    def points(**columns: Any) -> Fields:
        return frame | _json(_frame({"points": columns}))

    def typed(**columns: Any) -> Fields:
        return frame | _msgpack(_frame({"points": columns}))

    def image(**fields: Any) -> Fields:
        return {"kind": "image"} | _msgpack({"camera": "front", "time_s": 0.1, **fields})

    return [
        ("no kind", "high", empty),
        ("no data", "high", frame),
        ("an unknown kind", "high", {"kind": "fram"} | empty),
        ("a kind on a lane that does not carry it", "critical", frame | empty),
        ("an unknown encoding", "high", frame | {"enc": "xml", "data": ""}),
        ("a version to come", "high", frame | {"v": "2"} | empty),
        ("a time that is none", "high", frame | {"t_ms": "now"} | empty),
        ("a producer that is no name", "high", frame | {"producer": "a b"} | empty),
        ("an epoch without a number", "high", frame | {"producer": "a", "epoch": "1"} | empty),
        ("a number of zero", "high", frame | {"producer": "a", "epoch": "1", "seq": "0"} | empty),
        ("an epoch that is no integer", "high", frame | {"producer": "a", "epoch": "1.5", "seq": "1"} | empty),
        ("numbers without a producer", "high", frame | {"epoch": "1", "seq": "1"} | empty),
        ("more than 4 MiB", "high", frame | {"data": {"repeat": "00", "times": 4 * 1024 * 1024 + 1}}),
        ("data that is not JSON", "high", frame | {"enc": "json", "data": "{"}),
        ("data that is not MessagePack", "high", frame | {"data": {"hex": "c1"}}),
        ("MessagePack cut short", "high", frame | {"data": {"hex": wire.encode(_frame({})).hex()[:-2]}}),
        ("a MessagePack extension", "high", frame | {"data": {"hex": "c70101aa"}}),
        ("data that is no map", "high", frame | _json([1])),
        ("NaN in JSON", "high", frame | {"enc": "json", "data": '{"step":1,"time_s":NaN,"layers":{}}'}),
        ("infinity in MessagePack", "high", frame | _msgpack(_frame({}) | {"time_s": float("inf")})),
        ("no step", "high", frame | _json({"time_s": 0.1, "layers": {}})),
        ("a step that is no integer", "high", frame | _json(_frame({}) | {"step": 1.5})),
        ("a step that is a boolean", "high", frame | _json(_frame({}) | {"step": True})),
        ("a time that is a string", "high", frame | _json(_frame({}) | {"time_s": "1"})),
        ("no layers", "high", frame | _json({"step": 1, "time_s": 0.1})),
        ("a layer without ids", "high", points(x=[1])),
        ("an id twice", "high", points(id=[1, 1])),
        ("a string id twice", "high", points(id=["a", "a"])),
        ("a negative id", "high", points(id=[-1])),
        ("an id of more than 32 bits", "high", points(id=[4294967296])),
        ("an id that is a fraction", "high", points(id=[1.5])),
        ("columns of different lengths", "high", points(id=[1, 2], x=[1])),
        ("a column of mixed types", "high", points(id=[1, 2], x=[1, "2"])),
        ("a column of nothing", "high", points(id=[1], x=[None])),
        ("a column that is a number", "high", points(id=[1], x=7)),
        ("positions that are strings", "high", points(id=[1], x=["here"])),
        ("a string of over 256 characters", "high", points(id=["a" * 257])),
        ("a column without a name", "high", frame | _json(_frame({"points": {"id": [1], "": [1]}}))),
        ("a layer's name of over 64 characters", "high", frame | _json(_frame({"p" * 65: {"id": [1]}}))),
        ("rows with different fields", "high", frame | _json(_frame({"points": [
            {"id": 1, "x": 1}, {"id": 2, "y": 1}]}))),
        ("a row that is no map", "high", frame | _json(_frame({"points": [{"id": 1}, 2]}))),
        ("NaN in a typed column", "high", typed(id=_typed("u4", [1]), x=_typed("f4", [float("nan")]))),
        ("an unknown dtype", "high", typed(id=_typed("u4", [1]), x={"dtype": "f2", "data": b"\0\0"})),
        ("a typed column cut short", "high", typed(id=_typed("u4", [1]), x={"dtype": "f4", "data": b"\0\0\0"})),
        ("a typed column without binary", "high", typed(id=_typed("u4", [1]), x={"dtype": "f4", "data": "abcd"})),
        ("a code past the strings", "high", typed(id=_typed("u4", [1]), state=_typed("u1", [2], ["r", "g"]))),
        ("codes that are signed", "high", typed(id=_typed("u4", [1]), state=_typed("i1", [0], ["r"]))),
        ("gone in a full frame", "high", frame | _json(_frame({}, gone={"points": [1]}))),
        ("events without a type", "normal", {"kind": "events"} | _json({"time_s": 1, "items": {}})),
        ("a metric that is a string", "normal", {"kind": "metrics"} | _json({"values": {"loss": "low"}})),
        ("an unknown level", "critical", {"kind": "status"} | _json({"level": "fatal", "text": "x"})),
        ("a status of over 4096 characters", "critical", {"kind": "status"} | _json({"text": "x" * 4097})),
        ("an unknown state", "critical", {"kind": "lifecycle"} | _json({"state": "lost"})),
        ("a parameter over its maximum", "critical", {"kind": "lifecycle"} | _json({
            "state": "created", "params": {"gain": {"type": "float", "value": 7, "max": 5}}})),
        ("a choice without choices", "critical", {"kind": "lifecycle"} | _json({
            "state": "created", "params": {"mode": {"type": "choice", "value": "a"}}})),
        ("a parameter of unknown type", "critical", {"kind": "lifecycle"} | _json({
            "state": "created", "params": {"mode": {"type": "color", "value": "red"}}})),
        ("a result without an answer", "critical", {"kind": "result"} | _json({"command_id": "c-1"})),
        ("bounds of three numbers", "critical", {"kind": "scene"} | _json({"kind": "plain", "bounds": [0, 0, 1]})),
        ("points that are not pairs", "critical", {"kind": "scene"} | _json({
            **_ROADS, "lines": {"points": [0, 0, 1], "starts": [0]}})),
        ("starts that do not rise", "critical", {"kind": "scene"} | _json({
            **_ROADS, "lines": {"points": [0, 0, 1, 1, 2, 2], "starts": [0, 0]}})),
        ("an image of unknown form", "low", image(mime="image/gif", data=b"GIF89a")),
        ("an image without binary", "low", image(mime="image/jpeg", data="abcd")),
        ("a raw image of another size", "low", image(
            mime="image/x-raw", width=2, height=2, channels=3, data=bytes(11))),
        ("a raw image without its width", "low", image(mime="image/x-raw", height=2, channels=3, data=bytes(12))),
        ("a raw image of two channels", "low", image(mime="image/x-raw", width=2, height=2, channels=2, data=bytes(8))),
    ]  # fmt: skip


States = list[tuple[dict[str, LayerState], dict[str, float], bool]]


def _chain(title: str, name: str, states: States) -> dict[str, Any]:
    """A chain of one tier that shows one state after another."""
    tier = TIERS[name]
    chain, view = Chain(tier), View()
    frames = []
    prev: Offset | None = None
    for n, (layers, metrics, restart) in enumerate(states, 1):
        parts = None if restart else chain.delta(layers, metrics)
        key = parts is None
        parts = chain.keyframe(layers, metrics) if parts is None else parts
        offset = Offset(3, n)
        hops = {"pub_ms": 1000.5, "in_ms": 1001.0, "out_ms": 1002.25}
        data = messages.frame(
            "demo", tier.name, "e1", offset, None if key else prev, n, n * 0.1, hops, parts, {"a": 1.5}
        )
        prev = offset
        if n == 5:  # a frame of somebody else's chain, which a view must leave alone
            stray = messages.frame("demo", tier.name, "e1", Offset(3, 99), Offset(3, 98), n, 0.5, hops, parts, {})
            if view.apply(messages.decode(stray)):
                raise SystemExit("a stray frame was applied")
            frames.append({"message": stray.hex(), "applied": False, "view": view_of(view)})
        if not view.apply(messages.decode(data)):
            raise SystemExit(f"frame {n} of {name} was not applied")
        frames.append({"message": data.hex(), "applied": True, "view": view_of(view)})
    return {"name": title, "tier": name, "frames": frames}


def _states() -> States:
    """Everything that can happen to a layer."""
    rng = np.random.default_rng(7)
    x, y = rng.random(6) * 100 + 10_000, rng.random(6) * 100
    angle, speed = np.asarray([359.0, 1, 90, 180, 270, 45]), rng.random(6) * 14
    ids = np.asarray([1, 2, 3, 4_294_967_295, 70_000, 5], np.uint32)
    codes, kinds = np.asarray([0, 1, 0, 1, 0, 0], np.uint32), ["car", "bus"]
    light_ids, names = np.asarray([1, 2, 3], np.uint32), ["n:0", "n:1", "n:2"]
    lights, letters = np.asarray([0, 0, 1], np.uint32), ["r", "G"]
    states: States = []

    def push(restart: bool = False, **metrics: float) -> None:
        cars = LayerState(
            ids.copy(),
            {
                "x": Column(x.astype(np.float32)), "y": Column(y.astype(np.float32)),
                "angle": Column((angle % 360).astype(np.float32)), "speed": Column(speed.astype(np.float32)),
                "load": Column((speed * 3 - 7).astype(np.float32)),
                "count": Column(np.arange(len(ids), dtype=np.int32) * 300),
                "type": Column(codes.copy(), list(kinds)),
            },
        )  # fmt: skip
        shown = LayerState(light_ids.copy(), {"state": Column(lights.copy(), list(letters))}, list(names))
        states.append(({"cars": cars, "lights": shown}, metrics, restart))

    push(restart=True, running=6, mean=1.5)
    for turn in range(3):  # everybody moves; angles pass 360
        x, y, angle = x + speed * 0.1, y - 0.3, angle + 0.9
        lights = np.asarray([turn % 2, 0, 1], np.uint32)
        push(running=6, mean=1.5 + turn)
    push(running=6, mean=3.5)  # nothing happens
    keep = np.asarray([0, 2, 3, 5])  # two leave
    ids, x, y, angle, speed, codes = (values[keep] for values in (ids, x, y, angle, speed, codes))
    push(running=4, mean=3.5)
    ids, kinds = np.append(ids, np.asarray([8, 9], np.uint32)), [*kinds, "tram"]  # two come, one of a new kind
    x, y = np.append(x, [9_990.0, 10_120.0]), np.append(y, [-5.0, 105.0])
    angle, speed = np.append(angle, [0.0, 359.9]), np.append(speed, [0.0, 13.9])
    codes = np.append(codes, np.asarray([2, 0], np.uint32))
    push(running=6, mean=3.5)
    back = np.asarray([5, 4, 3, 2, 1, 0])  # the same in another order
    ids, x, y, angle, speed, codes = (values[back] for values in (ids, x, y, angle, speed, codes))
    push(running=6, mean=3.5)
    ids = ids.copy()
    ids[2], speed = 11, speed * 0  # one leaves as another comes, and all stop
    push(running=6, mean=0)
    letters, lights = [*letters, "y"], np.asarray([2, 0, 1], np.uint32)  # a light turns yellow
    push(running=6, mean=0)
    light_ids, names = np.asarray([1, 3, 4, 5], np.uint32), ["n:0", "n:2", "n:3", "n:4"]  # names leave and come
    lights = np.asarray([2, 1, 2, 0], np.uint32)
    push(running=6, mean=0)
    push(restart=True, running=6, mean=0)  # a keyframe in between
    none = np.asarray([], np.intp)  # all leave
    ids, x, y, angle, speed, codes = (values[none] for values in (ids, x, y, angle, speed, codes))
    push(running=0, mean=0)
    ids, codes = np.asarray([21], np.uint32), np.asarray([2], np.uint32)  # and one comes
    x, y, angle, speed = np.asarray([10_001.0]), np.asarray([1.0]), np.asarray([10.0]), np.asarray([2.0])
    push(running=1, mean=2)
    return states


def _crowds() -> States:
    """Layers that the lower tiers show otherwise, or not at all: a crowd, forces, a path. The crowd moves, and goes."""
    rng = np.random.default_rng(11)
    n = 420
    x, y = np.floor(rng.random(n) * 12) * 10 - 60, np.floor(rng.random(n) * 9) * 10 + 5_000
    speed, ids = rng.random(n) * 10, np.arange(n, dtype=np.uint32)
    small = LayerState(
        np.asarray([1, 2], np.uint32), {"x": Column(np.asarray([0.0, 5.0])), "y": Column(np.asarray([1.0, 2.0]))}
    )
    forces = LayerState(small.ids, {**small.columns, "fx": Column(np.ones(2)), "fy": Column(np.zeros(2))})
    path = LayerState(small.ids, {**small.columns, "path": Column(np.asarray([7, 7], np.int32))})
    states: States = []

    def push(many: int, **more: LayerState) -> None:
        columns = {"x": x, "y": y, "angle": speed * 30, "speed": speed, "length": speed + 2}
        crowd = LayerState(
            ids[:many],
            {name: Column(values[:many].astype(np.float64)) for name, values in columns.items()}
            | {"type": Column(np.zeros(many, np.uint32), ["car"])},
        )
        states.append(({"crowd": crowd, "few": small, **more}, {"n": float(many)}, not states))

    push(n, forces=forces, path=path)
    x, speed = x + 4, speed + 0.5  # some come into the next cell
    push(n, forces=forces, path=path)
    push(n, forces=forces, path=path)  # nothing happens
    push(n, path=path)  # the forces end
    push(n - 60, path=path)  # some leave: few, but still cells
    x = np.floor(x / 40) * 40  # they come together, and the cells become smaller
    y = np.floor(y / 40) * 40
    push(n, path=path)
    push(10, path=path)  # so few that they are shown one by one
    return states


def _bulk(layers: Mapping[str, LayerState]) -> dict[str, LayerState]:
    return {name: layers[name] for name in ("forces", "path") if name in layers}


def main() -> int:
    """Write or check the files; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 if a file differs")
    check = parser.parse_args().check
    stale = [name for name, text in files().items() if not _same(name, text)]
    for name in stale:
        if check:
            print(f"{name} differs from what the code says: run producer/spec/make_vectors.py", file=sys.stderr)
        else:
            (FOLDER / name).write_text(files()[name], "utf-8")
            print(f"wrote {name}")
    return 1 if check and stale else 0


def _same(name: str, text: str) -> bool:
    path = FOLDER / name
    return path.exists() and path.read_text("utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
