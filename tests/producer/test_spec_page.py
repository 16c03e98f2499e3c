"""The wire's page names every kind, field and counter, and its numbers are the code's."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.producer.test_vectors import SPEC

from lanecast.broker import checks, columns, commands, commit, keys, payloads, tiers, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import KINDS, LANES
from lanecast.producer import buffers, listener, publisher
from lanecast.workers import aggregate, desk, entries, vigil
from lanecast.workers.images import camera, stage
from lanecast.workers.limits import DEFAULT

PAGE = (SPEC / "README.md").read_text("utf-8")


def table(heading: str) -> dict[str, list[str]]:
    """The first table behind some words of the page: first cell -> the others."""
    first_table = PAGE.partition(heading)[2].partition("\n|")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in first_table.splitlines()]
    return {first: rest for first, *rest in cells[2:]}


def number(text: str) -> float:
    found = re.search(r"[\d,]+(\.\d+)?", text)
    assert found is not None, text
    return float(found[0].replace(",", ""))


def longest(kind: str, make: Callable[[str], dict[str, Any]]) -> int:
    """The most characters that a reader takes, found by asking it."""
    for limit in (64, 128, 256, 4096):
        try:
            payloads.read_payload(kind, make("x" * (limit + 1)))
        except InvalidMessage:
            payloads.read_payload(kind, make("x" * limit))
            return limit
    raise AssertionError(f"{kind}: there is no limit")


def param(**more: str) -> dict[str, Any]:
    return {"state": "created", "params": {"p": {"type": "bool", "value": True, **more}}}


def longest_id() -> int:
    keys.check_id("x" * 64)
    with pytest.raises(InvalidMessage):
        keys.check_id("x" * 65)
    return 64


def largest_integer() -> int:
    payloads.read_payload("metrics", {"step": 2**53 - 1, "values": {}})
    with pytest.raises(InvalidMessage):
        payloads.read_payload("metrics", {"step": 2**53, "values": {}})
    return 2**53 - 1


def test_the_limits_are_those_of_the_code() -> None:
    scene = {"bounds": [0, 0, 1, 1]}
    image = {"camera": "c", "mime": "image/jpeg", "time_s": 0, "data": b""}
    kinds = {
        longest("lifecycle", lambda text: {"state": "created", "kind": text}),
        longest("scene", lambda text: {"kind": text, **scene}),
    }
    params = {longest("lifecycle", lambda text, name=name: param(**{name: text})) for name in ("unit", "title")}  # type: ignore[misc]
    limits = {
        "`data` of an entry": wire.MAX_DATA_BYTES,
        "id of a run, a producer or a command": longest_id(),
        "name of a layer, column, metric, parameter or phase": checks.MAX_NAME,
        "string in a column, string id, choice": checks.MAX_STRING,
        "layers of a frame": payloads.MAX_LAYERS,
        "columns of a layer, `id` included": columns.MAX_COLUMNS,
        "entities of a layer": columns.MAX_ROWS,
        "metrics of a message": payloads.MAX_METRICS,
        "`text` of a status or log line": longest("status", lambda text: {"text": text}),
        "string in `metadata`": longest("lifecycle", lambda text: {"state": "created", "metadata": {"a": text}}),
        "`title` of a run": longest("lifecycle", lambda text: {"state": "created", "title": text}),
        "`kind` of a run or a scene": kinds.pop(),
        "`type` of events": longest("events", lambda text: {"type": text, "time_s": 0, "items": {}}),
        "`camera` of an image": longest("image", lambda text: image | {"camera": text}),
        "`unit` and `title` of a parameter": params.pop(),
        "`error` of a result": longest("result", lambda text: {"command_id": "c", "ok": False, "error": text}),
        "`field` of a result": longest("result", lambda text: {"command_id": "c", "ok": False, "field": text}),
        "integers (`step`)": largest_integer(),
        "layers of a run": DEFAULT.layers,
        "entities times columns of a run": DEFAULT.cells,
        "different strings in one column of a run": DEFAULT.strings,
        "metrics of a run": DEFAULT.metrics,
        "producers of a run that are remembered": DEFAULT.producers,
        "a run's info as JSON": DEFAULT.info_bytes,
        "commands kept in `ctl`, about": commands.STREAM_KEPT,
    }
    assert not kinds | params, "what stands in one row has one limit"
    assert {what: number(limit) for what, (limit,) in table("## Limits").items()} == limits


def test_the_lanes_are_those_of_the_code() -> None:
    lanes = table("## Lanes")
    assert list(lanes) == [f"`{name}`" for name in LANES]
    for name, lane in LANES.items():
        assert set(re.findall(r"`(\w+)`", lanes[f"`{name}`"][0])) == set(lane.kinds)
    bounds = table("A kind on a lane that does not carry it is refused.")
    for name, lane in LANES.items():
        bound, age = bounds[f"`{name}`"]
        assert number(bound) == lane.max_entries
        assert ("unread" in bound) == lane.lossless
        assert age == ("never" if not lane.ttl_ms else f"{lane.ttl_ms / 1000:g} s")
    for name in ("high", "low"):
        assert f"~ {LANES[name].max_entries}`" in PAGE


def test_every_kind_of_payload_is_described() -> None:
    described = set(re.findall(r"(?:^|\. )\*\*(\w+)\*\*: ", PAGE, re.MULTILINE))
    assert described == set(KINDS)


def test_the_fields_are_those_of_the_code() -> None:
    fields = {name for first in table("## Fields of an entry") for name in re.findall(r"`(\w+)`", first)}
    assert fields == {name.decode() for name in entries._FIELDS}
    heard = {first.strip("`") for first in table("something: read from `0-0`")}
    assert heard == set(commands.Command.__slots__)


def test_the_tiers_are_those_of_the_code() -> None:
    shown = table("in the field `data`, as MessagePack.")
    assert list(shown) == [f"`{name}`" for name in tiers.SERVED]
    for name, cells in ((name.strip("`"), cells) for name, cells in shown.items()):
        tier = tiers.TIERS[name]
        steps = (tier.position_step, tier.angle_step, tier.speed_step, tier.value_bits, tier.fps)
        assert tuple(number(cell) for cell in cells) == steps


def test_the_counters_are_those_that_workers_count() -> None:
    sources = [inspect.getsource(module) for module in (desk, aggregate)]
    counted = set(re.findall(r'_count\(f"((?:ignored|trimmed):[^"]*)"', sources[0]))
    counted |= {f"dropped:{{lane}}:{cause}" for cause in re.findall(r'dropped:\{lane\}:(\w+)"', sources[0])}
    returned = {cause for source in sources for cause in re.findall(r'(?:return|reason =) "(\w+)"', source)}
    counted |= {f"dropped:{{lane}}:{cause}" for cause in returned}
    counted |= {f"rejected:{{lane}}:{cause}" for cause in ("invalid", "too_large", "internal")}
    causes = re.findall(r'_drop\("(\w+)"', inspect.getsource(stage))
    causes += re.findall(r'"(unwatched|overload|rate)"', inspect.getsource(camera.Camera.take))
    counted |= {f"dropped:low:image_{cause}" for cause in causes} | {"rejected:low:image"}
    named = {first.strip("`").replace("LANE", "{lane}") for first in table("has the run's counters")}
    # Judged frames give their reason first in a pair.
    counted |= {"dropped:{lane}:" + cause for cause in re.findall(r'return "(\w+)", False', sources[1])}
    assert named == counted


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("PX {} ", listener.ALIVE_MS),
        ("{:g} s after the last sign of life", vigil.LOST_AFTER_S),
        ("Unix milliseconds, {:g} s after it was sent", commands.EXPIRES_MS / 1000),
        ("1 to {:,}, default 1", commands.MAX_STEPS),
        ("by {:g} s without a frame", aggregate.SILENCE_MS / 1000),
        ("try again in {:g} ms", publisher.FULL_WAIT_S * 1000),
        ("at most {} and about 1 MiB", publisher.CATCH_UP_MESSAGES),
        ("keeps {:,} unsent messages", buffers.MAX_MESSAGES),
        ("or {:g} MiB a lane", buffers.MAX_BYTES / 2**20),
        ("keeps {:,} acknowledged ones", buffers.KEPT_MESSAGES),
        ("or {:g} MiB. A frame", buffers.KEPT_BYTES / 2**20),
        ("(the newest {:,})", commit.DEAD_KEPT),
        ("at most {} characters |\n| `field:NAME`", desk.DEAD_TEXT),
        ("at most {}; a value", desk.DEAD_FIELDS),
        ("a value over {:,} bytes", desk.DEAD_DATA_BYTES),
        ("kept for {:g}\nminutes", commit.RESULT_KEPT_S / 60),
    ],
)
def test_a_number_in_the_text_is_the_codes(said: str, value: float) -> None:
    assert said.format(value) in (PAGE + " ").replace("PX 3000\n", "PX 3000 ")


def test_links_of_the_page_lead_somewhere() -> None:
    for page in (
        SPEC / "README.md",
        SPEC / "vectors" / "README.md",
        *Path(SPEC.parents[1], "docs/protocol").glob("*.md"),
    ):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
            assert "://" in target or (page.parent / target).exists(), f"{page.name}: {target}"
