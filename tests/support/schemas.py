"""The JSON Schemas beside the wire's page, as validators."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.protocols import Validator
from referencing import Registry, Resource

SPEC = Path(__file__).parents[2] / "producer" / "spec"
NAMES = ("payloads", "entry", "commands", "viewer")


def schema(name: str) -> dict[str, Any]:
    """One of the files of `producer/spec/schema`."""
    document: dict[str, Any] = json.loads((SPEC / "schema" / f"{name}.json").read_text("utf-8"))
    return document


@functools.cache
def validator(name: str, definition: str | None = None) -> Validator:
    """A validator for a whole schema, or for one of its `$defs`."""
    documents = [schema(each) for each in NAMES]
    registry: Registry[Any] = Registry().with_resources(
        [(document["$id"], Resource.from_contents(document)) for document in documents]
    )
    reference = schema(name)["$id"] + (f"#/$defs/{definition}" if definition else "")
    return jsonschema.Draft202012Validator({"$ref": reference}, registry=registry)


def problem(instance: Any, name: str, definition: str | None = None) -> str | None:
    """What a schema finds wrong with an instance, None if nothing."""
    error = jsonschema.exceptions.best_match(validator(name, definition).iter_errors(instance))
    return None if error is None else f"{error.json_path}: {error.message:.400}"
