"""Rendering: which tier gets which frame, and when. Pure; the clock and the state are handed in.

A tier is rendered only while somebody watches it, at most as often as its frame rate says, as deltas of one
`rendition.Chain`. A keyframe comes first, whenever one was asked for, and every `keyframe_s` while the state changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from lanecast.broker import tiers
from lanecast.broker.offsets import Offset
from lanecast.broker.rendition import Chain, Follower, LayerState

KEYFRAME_GAP_S: Final = 0.1
"""Keyframes that were asked for come no faster than this: requests meanwhile are answered by one."""


@dataclass(frozen=True, slots=True)
class View:
    """The state as the renderers see it: `version` and `generation` as in `RunState`."""

    layers: Mapping[str, LayerState]
    metrics: Mapping[str, float]
    version: int
    generation: int


@dataclass(frozen=True, slots=True)
class Rendered:
    """One frame: `parts` from the chain, `prev` None for a keyframe; `fresh` if the state is newer than before."""

    tier: str
    offset: Offset
    prev: Offset | None
    parts: dict[str, Any]
    fresh: bool


class TierRenderer:
    """One tier of one run; `epoch` is the lease epoch, under which its offsets run, `follower` the run's."""

    def __init__(
        self, tier: tiers.Tier, epoch: int, keyframe_s: float, version: int = 0, follower: Follower | None = None
    ) -> None:
        self._tier = tier
        self._keyframe_s = keyframe_s
        self._chain = Chain(tier, follower)
        self._last = Offset(epoch, 0)
        self._seen = (-1, -1)
        self._newest = version
        self._due = float("-inf")
        self._key_at = float("-inf")
        self._deltas = 0
        self._failed = -1
        self.wants_key = True

    @property
    def name(self) -> str:
        """The tier's name."""
        return self._tier.name

    def deadline(self, view: View) -> float:
        """When the next frame is to be made; infinity while there is nothing to say."""
        if not view.version or view.version == self._failed:
            return float("inf")
        if self.wants_key:
            return self._key_at + KEYFRAME_GAP_S
        if (view.version, view.generation) != self._seen:
            return self._due
        return self._key_at + self._keyframe_s if self._deltas else float("inf")

    def render(self, view: View, now: float) -> Rendered:
        """The frame that is due."""
        fresh = view.version > self._newest
        parts = None
        if not self.wants_key and view.generation == self._seen[1] and now < self._key_at + self._keyframe_s:
            parts = self._chain.delta(view.layers, view.metrics)
        prev: Offset | None = self._last
        if parts is None:
            self.wants_key = True  # until the keyframe is made: should that fail, the chain is not to be trusted
            parts, prev = self._chain.keyframe(view.layers, view.metrics), None
            self.wants_key = False
            self._key_at = now
            self._deltas = 0
        else:
            self._deltas += 1
        self._last = Offset(self._last.epoch, self._last.n + 1)
        self._seen = (view.version, view.generation)
        self._newest = view.version
        # Slots, not gaps: what came a little late does not make the next one late too.
        self._due = max(self._due, now - 1 / self._tier.fps) + 1 / self._tier.fps
        return Rendered(self._tier.name, self._last, prev, parts, fresh)

    def pass_by(self, view: View) -> None:
        """Nobody watches: a state that was not shown is not fresh any more when somebody comes."""
        self._newest = view.version

    def distrust(self, view: View) -> None:
        """After a failure on `view`: say nothing until the state has changed, and then everything."""
        self.wants_key = True
        self._failed = view.version


class Renderers:
    """All tiers that workers serve, of one run; `version` is that of the state that was there before."""

    def __init__(self, epoch: int, keyframe_s: float, version: int = 0) -> None:
        follower = Follower()
        self._tiers = {
            name: TierRenderer(tiers.TIERS[name], epoch, keyframe_s, version, follower) for name in tiers.SERVED
        }
        self._watched: frozenset[str] = frozenset()

    def watch(self, watched: frozenset[str]) -> None:
        """Say which tiers are watched; one that nobody watched begins with a keyframe."""
        for name in watched - self._watched:
            self._tiers[name].wants_key = True
        self._watched = watched

    def want_key(self, tier: str) -> None:
        """A keyframe of this tier, now."""
        self._tiers[tier].wants_key = True

    def deadline(self, view: View) -> float:
        """When the next frame of any tier is due; infinity if none is."""
        return min((self._tiers[name].deadline(view) for name in self._watched), default=float("inf"))

    def due(self, view: View, now: float) -> Iterator[TierRenderer]:
        """The tiers that have a frame to make now, from the smallest to the best."""
        for name, renderer in self._tiers.items():
            if name in self._watched and renderer.deadline(view) <= now:
                yield renderer

    def pass_by(self, view: View) -> None:
        """Tell the tiers that nobody watches that this state was there."""
        for name, renderer in self._tiers.items():
            if name not in self._watched:
                renderer.pass_by(view)
