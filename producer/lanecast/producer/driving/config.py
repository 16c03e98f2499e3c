"""The callback from YAML in Hydra's form: `_target_` and its arguments. Hydra itself reads the same files."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from lanecast.broker.errors import InvalidMessage
from lanecast.producer.driving.callback import StreamingVisualizationCallback

PACKAGES: Final = ("lanecast.producer.",)
"""Where targets may come from: a configuration is data, and must not run just anything."""

DEFAULT: Final = "lanecast.producer.driving.StreamingVisualizationCallback"


def load_callback(source: Path | str | Mapping[str, Any], **overrides: Any) -> StreamingVisualizationCallback:
    """Make the callback that a YAML file (or a map) describes; `overrides` replace its arguments.

    The file is the callback's own map, or has one under `streaming_visualization_callback`, as callback groups do.

    Raises:
        InvalidMessage: the field that is wrong, and how.
        ModuleNotFoundError: PyYAML is missing: `pip install 'lanecast[driving]'`.
        OSError: the file cannot be read.
    """
    raw = source if isinstance(source, Mapping) else _read(Path(source))
    inside = raw.get("streaming_visualization_callback", raw)
    if not isinstance(inside, Mapping):
        raise InvalidMessage("streaming_visualization_callback", "expected a map with _target_ and arguments")
    made = instantiate({"_target_": DEFAULT, **inside, **overrides})
    if not isinstance(made, StreamingVisualizationCallback):
        raise InvalidMessage("_target_", f"makes a {type(made).__name__}, expected a StreamingVisualizationCallback")
    return made


def instantiate(config: Any, path: str = "") -> Any:
    """Maps with `_target_` become what they name, inside first; lists and other maps stay what they are."""
    if isinstance(config, list):
        return [instantiate(item, f"{path}[{number}]") for number, item in enumerate(config)]
    if not isinstance(config, Mapping):
        return config
    inside = {
        name: instantiate(value, f"{path}.{name}".lstrip("."))
        for name, value in config.items()
        if name not in ("_target_", "_convert_", "_recursive_")
    }
    target = config.get("_target_")
    if target is None:
        return inside
    where = f"{path}._target_".lstrip(".")
    if not isinstance(target, str) or not target.startswith(PACKAGES):
        raise InvalidMessage(where, f"{target!r:.80} is not in {', '.join(PACKAGES)}")
    module, _, name = target.rpartition(".")
    try:
        make = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise InvalidMessage(where, f"there is no {target}") from None
    try:
        return make(**inside)
    except TypeError as error:
        raise InvalidMessage(path or "arguments", str(error)) from None


def _read(path: Path) -> Mapping[str, Any]:
    import yaml

    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise InvalidMessage(str(path), f"is no YAML: {error}") from None
    if not isinstance(raw, Mapping):
        raise InvalidMessage(str(path), "expected a map with _target_ and arguments")
    return raw
