"""Demand: which tiers of a run somebody watches. Pure.

Gateways say it with an `XADD` on the run's demand stream, which its worker reads together with the lanes: when a
viewer joins, and every second for as long as one is there. A tier that was not asked for within `TTL_S` is not
rendered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker import keys, scripts
from lanecast.broker.errors import InvalidMessage
from lanecast.broker.tiers import TIERS

REFRESH_S: Final = 1.0
TTL_S: Final = 3.5
STREAM_KEPT: Final = 256


@dataclass(frozen=True, slots=True)
class Demand:
    """`viewers` of gateway `node` watch `tier`; `key` asks for a keyframe now.

    `images`: what is watched are the cameras; frames are asked for apart from them.
    """

    node: str
    tier: str
    viewers: int
    key: bool = False
    images: bool = False

    def to_fields(self) -> dict[str, str | int]:
        """The entry's fields, for `XADD … MAXLEN ~ STREAM_KEPT`."""
        fields: dict[str, str | int] = {
            "node": self.node, "tier": self.tier, "viewers": self.viewers, "key": int(self.key),
        }  # fmt: skip
        return {**fields, "images": 1} if self.images else fields


def from_fields(fields: Mapping[bytes, bytes]) -> Demand:
    """Read an entry of the demand stream.

    Raises:
        InvalidMessage: a field is missing or malformed.
    """
    try:
        demand = Demand(
            fields[b"node"].decode(),
            fields[b"tier"].decode(),
            int(fields.get(b"viewers", b"1")),
            fields.get(b"key") == b"1",
            fields.get(b"images") == b"1",
        )
    except (KeyError, ValueError) as error:
        raise InvalidMessage("demand", str(error)) from None
    if demand.tier not in TIERS:
        raise InvalidMessage("tier", f"{demand.tier[:40]!r} is not one of {', '.join(TIERS)}")
    return demand


def seats(rows: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> dict[tuple[bool, str, str], int]:
    """(pictures?, node, tier) -> viewers, by entries of the demand stream of the last `TTL_S`, oldest first."""
    taken: dict[tuple[bool, str, str], int] = {}
    for _, fields in rows:
        try:
            said = from_fields(fields)
        except InvalidMessage:
            continue
        taken[said.images, said.node, said.tier] = max(0, said.viewers)
    return taken


def viewers(rows: Iterable[tuple[bytes, Mapping[bytes, bytes]]]) -> int:
    """How many watch the run, by entries as for `seats`; who watches frames and pictures counts once."""
    nodes: dict[tuple[bool, str], int] = {}
    for (images, node, _), count in seats(rows).items():
        nodes[images, node] = nodes.get((images, node), 0) + count
    return sum(max(nodes.get((False, node), 0), nodes.get((True, node), 0)) for node in {node for _, node in nodes})


def watchers_call(run: str) -> scripts.Call:
    """The call that asks who watches a run; see `watchers_answer`."""
    return scripts.Call(scripts.WATCHERS, (keys.demand(run),), (int(TTL_S * 1000), STREAM_KEPT))


def watchers_answer(reply: Any) -> int:
    """How many viewers there are, by the reply to `watchers_call`."""
    return viewers((entry_id, dict(zip(flat[::2], flat[1::2], strict=True))) for entry_id, flat in reversed(reply))
