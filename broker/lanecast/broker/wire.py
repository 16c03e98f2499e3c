"""One entry of an input lane: its fields, and the encoding of its payload. Pure; needs no NumPy.

The page to read is `producer/spec/README.md`; this module and the test vectors beside that page say the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from lanecast.broker import keys
from lanecast.broker.errors import InvalidMessage, TooLarge
from lanecast.broker.lanes import KINDS, LANES, lane_of

VERSION: Final = 1
MAX_DATA_BYTES: Final = 4 * 1024 * 1024
ENCODINGS: Final = ("msgpack", "json")

_INT_FIELDS: Final = ("epoch", "seq")


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it stands in a lane.

    `t_ms` is Unix milliseconds; `epoch` and `seq` are 0 where the publisher numbers nothing.
    """

    kind: str
    data: bytes
    enc: str = "msgpack"
    t_ms: float | None = None
    producer: str | None = None
    epoch: int = 0
    seq: int = 0

    def to_fields(self) -> dict[str, bytes | str | int]:
        """The entry's fields, for `XADD`."""
        fields: dict[str, bytes | str | int] = {"kind": self.kind, "data": self.data}
        if self.enc != "msgpack":
            fields["enc"] = self.enc
        if self.t_ms is not None:
            fields["t_ms"] = f"{self.t_ms:.3f}"
        if self.producer is not None:
            fields["producer"] = self.producer
        if self.epoch:
            fields["epoch"] = self.epoch
            fields["seq"] = self.seq
        return fields


def from_fields(fields: Mapping[bytes, bytes], lane: str) -> Message:
    """Read an entry of `lane`.

    Raises:
        InvalidMessage: a field is missing, malformed, or the kind does not belong on this lane.
        TooLarge: `data` is over 4 MiB.
    """
    version = fields.get(b"v", b"1")
    if version != b"1":
        raise InvalidMessage("v", f"this reader knows version {VERSION}, not {_show(version)}")
    kind = _text(fields, b"kind")
    check_kind(kind, lane)
    data = fields.get(b"data")
    if data is None:
        raise InvalidMessage("data", "missing")
    check_size(len(data))
    enc = fields.get(b"enc", b"msgpack").decode("ascii", "replace")
    if enc not in ENCODINGS:
        raise InvalidMessage("enc", f"{enc[:40]!r} is neither 'msgpack' nor 'json'")
    t_ms: float | None = None
    if b"t_ms" in fields:
        try:
            t_ms = float(fields[b"t_ms"])
        except ValueError:
            t_ms = -1.0
        if not 0 < t_ms < 1e14:
            raise InvalidMessage("t_ms", f"{_show(fields[b't_ms'])} is not a time in Unix milliseconds")
    producer = keys.check_id(_text(fields, b"producer"), "producer") if b"producer" in fields else None
    epoch, seq = (_positive(fields, name) for name in _INT_FIELDS)
    if bool(epoch) != bool(seq) or (epoch and producer is None):
        raise InvalidMessage("seq", "producer, epoch and seq go together")
    return Message(kind, data, enc, t_ms, producer, epoch, seq)


def check_kind(kind: str, lane: str) -> None:
    """Raises InvalidMessage unless `kind` exists and may travel on `lane`."""
    if lane not in LANES:
        raise InvalidMessage("lane", f"{lane[:40]!r} is not one of {', '.join(LANES)}")
    if kind not in KINDS:
        raise InvalidMessage("kind", f"{kind[:40]!r} is not one of {', '.join(KINDS)}")
    if kind not in LANES[lane].kinds:
        raise InvalidMessage("kind", f"{kind!r} does not travel on lane {lane!r} but on {lane_of(kind).name!r}")


def check_size(size: int) -> None:
    """Raises TooLarge if a payload of `size` bytes is over the limit."""
    if size > MAX_DATA_BYTES:
        raise TooLarge("data", size, MAX_DATA_BYTES)


def decode(data: bytes, enc: str) -> Any:
    """Decode a payload to plain Python values.

    Raises:
        InvalidMessage: it is not MessagePack or JSON, or nested too deeply.
    """
    try:
        return msgspec.json.decode(data) if enc == "json" else msgspec.msgpack.decode(data, ext_hook=_no_extensions)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidMessage("data", f"not {'JSON' if enc == 'json' else 'MessagePack'}: {error}") from None
    except RecursionError:
        raise InvalidMessage("data", "nested too deeply") from None


def encode(payload: Any) -> bytes:
    """Encode a payload as MessagePack; NumPy arrays become typed columns without a copy of their values.

    Raises:
        InvalidMessage: it holds something that the wire has no form for.
    """
    try:
        data = _ENCODER.encode(payload)
    except (TypeError, ValueError, OverflowError) as error:
        raise InvalidMessage("data", str(error)) from None
    check_size(len(data))
    return data


DTYPES: Final[dict[str, str]] = {
    "|u1": "u1", "|i1": "i1", "|b1": "u1", "<u2": "u2", "<i2": "i2",
    "<u4": "u4", "<i4": "i4", "<f4": "f4", "<f8": "f8",
}  # fmt: skip
"""NumPy's array-interface type -> the wire's dtype."""


def _encode_array(value: Any) -> Any:
    interface = getattr(value, "__array_interface__", None)
    if interface is None:
        raise TypeError(f"{type(value).__name__} has no form on the wire")
    if not interface["shape"]:
        return value.item()
    if len(interface["shape"]) != 1:
        raise ValueError(f"an array of shape {interface['shape']} is not a column")
    dtype = DTYPES.get(interface["typestr"])
    if dtype is None:
        narrower = {"<i8": "<i4", "<u8": "<u4", "<f2": "<f4"}.get(interface["typestr"])
        if narrower is None:
            return value.tolist()
        narrowed = value.astype(narrower)
        if (narrowed != value).any():
            return value.tolist()
        value, dtype = narrowed, DTYPES[narrower]
    if interface["strides"] is not None:
        value = value.copy()
    return {"dtype": dtype, "data": memoryview(value).cast("B")}


def _no_extensions(code: int, _data: memoryview) -> Any:
    raise msgspec.ValidationError(f"extension type {code} is not used here")


def _text(fields: Mapping[bytes, bytes], name: bytes) -> str:
    value = fields.get(name)
    if value is None:
        raise InvalidMessage(name.decode(), "missing")
    return value.decode("utf-8", "replace")


def _positive(fields: Mapping[bytes, bytes], name: str) -> int:
    value = fields.get(name.encode())
    if value is None:
        return 0
    if not value.isdigit() or not 0 < int(value[:20]) < 2**53:
        raise InvalidMessage(name, f"{_show(value)} is not a positive integer")
    return int(value)


def _show(value: bytes) -> str:
    return repr(value[:40].decode("utf-8", "replace"))


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=_encode_array)
