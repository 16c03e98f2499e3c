"""What a viewer may send, read and checked. Pure. The page: `docs/protocol/viewer.md`."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lanecast.broker import keys, offsets
from lanecast.broker.commands import NAMES
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.offsets import Offset
from lanecast.broker.tiers import SERVED
from lanecast.gateway.layer_filter import MAX_NAMES, Layers
from lanecast.gateway.policy import AUTO

FRESHNESS_MS: Final = (100.0, 10_000.0)
"""Bounds of what a viewer may ask for: less than a round trip cannot be kept, more is not live."""
NAME_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Auth:
    """The token, where the gateway has a secret."""

    token: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Watch a run.

    Attributes:
        resume: (epoch, offset) of the last lossless message that the viewer has.
        freshness_s: how old what it is sent may get; None: as the gateway is set.
        layers: the only ones it wants; None: all.
        images: camera pictures, too.
    """

    run: str
    tier: str = AUTO
    resume: tuple[str, Offset] | None = None
    freshness_s: float | None = None
    layers: Layers | None = None
    images: bool = True


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Watch a run no longer."""

    run: str


@dataclass(frozen=True, slots=True)
class Steer:
    """A command; `run` and `command_id` are None where the gateway is to fill them in."""

    run: str | None
    command_id: str | None
    name: str
    args: Any


@dataclass(frozen=True, slots=True)
class Keyframe:
    """The viewer's chain is broken."""

    run: str


@dataclass(frozen=True, slots=True)
class Ping:
    """To be answered with the same `t`."""

    t: float


@dataclass(frozen=True, slots=True)
class Report:
    """What the viewer measured."""

    run: str
    fps: float
    dropped: float
    decode_ms: float
    age_ms: float


Request = Auth | Subscribe | Unsubscribe | Steer | Keyframe | Ping | Report


def read(payload: bytes, *, text: bool) -> Request:
    """Read one message, JSON if `text`, else MessagePack.

    Raises:
        InvalidMessage: with the field that is wrong.
    """
    try:
        raw = msgspec.json.decode(payload) if text else msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        raise InvalidMessage("message", f"not {'JSON' if text else 'MessagePack'}: {error}") from None
    if not isinstance(raw, Mapping):
        raise InvalidMessage("message", f"expected a map with a type, got {type(raw).__name__}")
    kind = raw.get("type")
    reader = _READERS.get(kind) if isinstance(kind, str) else None
    if reader is None:
        raise InvalidMessage("type", f"{kind!r:.60} is not one of {', '.join(_READERS)}")
    return reader(raw)


def run_and_command(payload: bytes, *, text: bool) -> tuple[str | None, str | None]:
    """Run and command id of a message that `read` refused, as far as they can be made out."""
    try:
        raw = msgspec.json.decode(payload) if text else msgspec.msgpack.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return None, None
    found = (raw.get(name) if isinstance(raw, Mapping) else None for name in ("run", "command_id"))
    run, command_id = (value if isinstance(value, str) and len(value) <= 64 else None for value in found)
    return run, command_id


def _auth(raw: Mapping[str, Any]) -> Auth:
    token = raw.get("token")
    if not isinstance(token, str) or not token:
        raise InvalidMessage("token", "expected a string")
    return Auth(token)


def _subscribe(raw: Mapping[str, Any]) -> Subscribe:
    run = keys.check_id(raw.get("run"))
    tier = raw.get("tier")
    tier = AUTO if tier is None else tier
    if tier != AUTO and tier not in SERVED:
        raise InvalidMessage("tier", f"{tier!r:.60} is not one of {', '.join((AUTO, *SERVED))}")
    resume = None
    epoch, offset = raw.get("epoch"), raw.get("offset")
    if epoch is not None and offset is not None:
        if not isinstance(epoch, str) or len(epoch) > 128:
            raise InvalidMessage("epoch", f"expected the epoch of a `subscribed`, got {epoch!r:.60}")
        resume = (epoch, offsets.parse(offset))
    images = raw.get("images")
    if images is not None and not isinstance(images, bool):
        raise InvalidMessage("images", f"expected true or false, got {images!r:.60}")
    return Subscribe(run, tier, resume, _freshness(raw), _layers(raw), images is not False)


def _freshness(raw: Mapping[str, Any]) -> float | None:
    if raw.get("freshness_ms") is None:
        return None
    freshness_ms = _number(raw, "freshness_ms")
    low, high = FRESHNESS_MS
    if not low <= freshness_ms <= high:
        raise InvalidMessage("freshness_ms", f"expected {low:g} to {high:g}, got {freshness_ms:g}")
    return freshness_ms / 1000


def _layers(raw: Mapping[str, Any]) -> Layers | None:
    names = raw.get("layers")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        raise InvalidMessage("layers", f"expected a list of at most {MAX_NAMES} names of layers")
    for place, name in enumerate(names):
        if not isinstance(name, str) or not 0 < len(name) <= NAME_MAX:
            raise InvalidMessage(f"layers[{place}]", f"expected the name of a layer, got {name!r:.60}")
    return frozenset(names)


def _steer(raw: Mapping[str, Any]) -> Steer:
    return _steering(raw, raw.get("name"), raw.get("args"))


def _short(name: str) -> Callable[[Mapping[str, Any]], Steer]:
    fields = {"set_params": "params", "step": "steps"}.get(name)

    def read_short(raw: Mapping[str, Any]) -> Steer:
        return _steering(raw, name, {fields: raw[fields]} if fields is not None and fields in raw else raw.get("args"))

    return read_short


def _steering(raw: Mapping[str, Any], name: Any, args: Any) -> Steer:
    if name not in NAMES:
        raise InvalidMessage("name", f"{name!r:.60} is not one of {', '.join(NAMES)}")
    command_id = raw.get("command_id")
    return Steer(
        None if raw.get("run") is None else keys.check_id(raw["run"]),
        None if command_id is None else keys.check_id(command_id, "command_id"),
        name,
        args,
    )


def _ping(raw: Mapping[str, Any]) -> Ping:
    return Ping(_number(raw, "t"))


def _report(raw: Mapping[str, Any]) -> Report:
    values = (_number(raw, name) for name in ("fps", "dropped", "decode_ms", "age_ms"))
    return Report(keys.check_id(raw.get("run")), *values)


def _number(raw: Mapping[str, Any], name: str) -> float:
    value = raw.get(name, 0)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvalidMessage(name, f"expected a number, got {value!r:.60}")
    return value


_READERS: Final[dict[str, Callable[[Mapping[str, Any]], Request]]] = {
    "auth": _auth,
    "subscribe": _subscribe,
    "unsubscribe": lambda raw: Unsubscribe(keys.check_id(raw.get("run"))),
    "command": _steer,
    "keyframe": lambda raw: Keyframe(keys.check_id(raw.get("run"))),
    "ping": _ping,
    "report": _report,
    **{name: _short(name) for name in NAMES},
}
