"""The test vectors beside the wire's page say what the code does."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from lanecast.broker import messages, payloads, wire
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.lanes import KINDS
from lanecast.broker.rendition import View

SPEC = Path(__file__).parents[2] / "producer" / "spec"


def load(name: str) -> ModuleType:
    """One of the scripts beside the page, as a module."""
    spec = importlib.util.spec_from_file_location(name, SPEC / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MAKER = load("make_vectors")


def vectors(name: str) -> list[Any]:
    return [
        pytest.param(vector, id=vector["name"]) for vector in json.loads((SPEC / "vectors" / name).read_text("utf-8"))
    ]


def test_the_files_are_what_the_code_would_write_today() -> None:
    for name, text in MAKER.files().items():
        stored = (SPEC / "vectors" / name).read_text("utf-8")
        assert stored == text, f"{name} differs: run producer/spec/make_vectors.py and look at the change"


@pytest.mark.parametrize("vector", vectors("entries-good.json"))
def test_a_good_entry_means_what_its_vector_says(vector: dict[str, Any]) -> None:
    message = wire.from_fields(MAKER.fields_of(vector["fields"]), vector["lane"])
    assert {name: getattr(message, name) for name in vector["message"]} == vector["message"]
    assert json.loads(json.dumps(MAKER.meaning_of(payloads.read(message)))) == vector["payload"]


@pytest.mark.parametrize("vector", vectors("entries-bad.json"))
def test_a_bad_entry_is_refused_by_the_field_of_its_vector(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidMessage) as refused:
        payloads.read(wire.from_fields(MAKER.fields_of(vector["fields"]), vector["lane"]))
    assert (refused.value.field, refused.value.cause) == (vector["field"], vector["cause"])


@pytest.mark.parametrize("vector", vectors("renditions.json"))
def test_a_view_has_after_each_frame_what_its_vector_says(vector: dict[str, Any]) -> None:
    view = View()
    for frame in vector["frames"]:
        applied = view.apply(messages.decode(bytes.fromhex(frame["message"])))
        assert applied == frame["applied"]
        assert json.loads(json.dumps(MAKER.view_of(view))) == frame["view"]


def test_the_vectors_show_every_kind_and_everything_that_can_happen_to_a_layer() -> None:
    good = json.loads((SPEC / "vectors" / "entries-good.json").read_text("utf-8"))
    assert {vector["fields"]["kind"] for vector in good} == set(KINDS)
    seen: set[str] = set()
    for vector in json.loads((SPEC / "vectors" / "renditions.json").read_text("utf-8")):
        for frame in vector["frames"]:
            message = messages.decode(bytes.fromhex(frame["message"]))
            for part in message["layers"].values():
                seen |= part.keys()
                for change in part.get("set", {}).values():
                    seen |= {change["mode"], *(key for key in ("rows", "values") if key in change)}
    assert {"columns", "names", "drop", "add", "set", "abs", "diff", "rows", "values"} <= seen
