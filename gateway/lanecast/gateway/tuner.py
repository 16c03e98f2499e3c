"""Looks after viewers' links: who is behind, who may be shown more. Thin: what is measured goes to `policy`.

Everybody is looked at a few times a second. Whose data does not arrive in time, or who could be shown more, is looked
at closely for a while: forty times a second, with pings, and with probes when it is time for one.
"""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING, Final

from lanecast.broker.tiers import SERVED
from lanecast.gateway import outbound, policy
from lanecast.gateway.link import Link
from lanecast.gateway.probe import EXCUSED_S, GROWTH, Probe

if TYPE_CHECKING:
    from lanecast.gateway.feeds import Subscription
    from lanecast.gateway.hub import Hub
    from lanecast.gateway.viewer import Viewer

CLOSE_S: Final = 0.025
CLOSE_AT_ONCE: Final = 256
"""More viewers than this are looked at less often each, so that looking never takes more than a share of the time."""
CALM_S: Final = 4.0
"""Nothing has waited for so long: the viewer needs no close look any more."""
PING_S: Final = 0.5
STALLED_S: Final = 0.25
"""Who takes nothing at all is looked at no more often than this."""
LISTEN_S: Final = 3.0
PAD_MIN: Final = 4_096.0
PILED_S: Final = 0.15
"""During a probe more than this time's worth of padding in front of the link says that the link is the narrow part."""


class Tuner:
    """All viewers of one hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._close: dict[Viewer, float] = {}
        self._any = asyncio.Event()
        self._pinged: dict[Viewer, float] = {}
        self._still: dict[Viewer, int] = {}
        self._again: dict[Viewer, float] = {}

    def glance(self, viewer: Viewer, now_s: float) -> None:
        """The regular look; begins a close one where it is needed."""
        if viewer in self._close:
            return
        before_s = viewer.marked_s
        viewer.measure(now_s)
        stuck = math.isfinite(before_s) and viewer.marked_s == before_s  # what waited at the last look waits still
        stuck = stuck or viewer.transport.get_write_buffer_size() > 0  # the kernel takes no more
        if stuck or viewer.blocked or any(sub.struggled or self._may_rise(sub, now_s) for sub in viewer.subs.values()):
            self._attend(viewer, now_s)
        else:
            self._choose(viewer, now_s)

    def forget(self, viewer: Viewer) -> None:
        """It has left, or is well."""
        self._close.pop(viewer, None)
        for known in (self._pinged, self._still, self._again):
            known.pop(viewer, None)
        viewer.link = viewer.probe = None

    async def look_closely(self) -> None:
        """Look after those who need it; for ever."""
        while True:
            await self._any.wait()
            for place, viewer in enumerate(list(self._close)):
                if place % CLOSE_AT_ONCE == CLOSE_AT_ONCE - 1:
                    await asyncio.sleep(CLOSE_S)
                if viewer.closing:
                    self.forget(viewer)
                elif viewer in self._close and (now_s := time.monotonic()) >= self._again.get(viewer, 0.0):
                    self._look(viewer, now_s)
            if not self._close:
                self._any.clear()
            await asyncio.sleep(CLOSE_S)

    def _attend(self, viewer: Viewer, now_s: float) -> None:
        if viewer.link is None:
            viewer.link = Link(now_s, viewer.sent_bytes - viewer.waiting_bytes)
        self._close[viewer] = now_s
        self._any.set()

    def _look(self, viewer: Viewer, now_s: float) -> None:
        link = viewer.link
        if link is None:
            return
        viewer.measure(now_s)
        if viewer.closing:
            return
        if viewer.waiting_bytes or viewer.blocked or viewer.probe is not None:
            self._close[viewer] = now_s
        if viewer.late and viewer.sent_bytes - viewer.waiting_bytes == self._still.get(viewer):
            self._again[viewer] = now_s + STALLED_S
        self._still[viewer] = viewer.sent_bytes - viewer.waiting_bytes
        if not link.pinging and now_s - self._pinged.get(viewer, 0.0) >= PING_S:
            self._ping(viewer, now_s)
        if viewer.probe is not None:
            self._continue(viewer, viewer.probe, link, now_s)
        self._choose(viewer, now_s)
        for sub in viewer.subs.values():
            if viewer.probe is None and self._may_rise(sub, now_s):
                self._begin(viewer, sub, link, now_s)
        if now_s - self._close.get(viewer, now_s) > CALM_S:
            self.forget(viewer)

    def _ping(self, viewer: Viewer, now_s: float) -> None:
        self._pinged[viewer] = now_s
        viewer.put(outbound.ping(now_s))
        if viewer.link is not None:
            viewer.link.pinged(now_s)

    # --- probes ---

    @staticmethod
    def _may_rise(sub: Subscription, now_s: float) -> bool:
        """Whether it is time to find out if the viewer can be shown more."""
        state = sub.tier
        return (
            sub.auto
            and sub.tier_feed is not None
            and state.tier != SERVED[-1]
            and now_s - state.calm_s >= state.hold_s
            and now_s - sub.viewer.probed_s >= policy.PROBE_GAP_S
        )

    def _begin(self, viewer: Viewer, sub: Subscription, link: Link, now_s: float) -> None:
        rates = self._rates(sub)
        needed = policy.probe(sub.tier, self._signs(sub, now_s), rates, now_s)
        viewer.probed_s = now_s
        if needed:
            top = policy.expected(SERVED[-1], rates) * policy.MARGIN
            first = max(PAD_MIN, min(needed, link.proven(now_s) * GROWTH))
            viewer.probe = Probe(first, max(needed, top), now_s, viewer.sent_bytes, link.rtt_s)

    def _continue(self, viewer: Viewer, probe: Probe, link: Link, now_s: float) -> None:
        if viewer.blocked or viewer.waiting_bytes > 4_096 + probe.rate * (PILED_S + link.rtt_s):
            probe.choked(now_s, viewer.sent_bytes - viewer.waiting_bytes)
        pad, ping = probe.step(now_s, viewer.sent_bytes)
        if pad:
            viewer.put(outbound.padding(pad))
            viewer.padded_s = now_s
        if ping:
            self._ping(viewer, now_s)
        if probe.over:
            viewer.probe = None
            viewer.probed_s = now_s
            if probe.proven:
                link.prove(probe.proven, now_s)
            if probe.refuted is not None:
                link.disprove(probe.refuted, now_s)

    # --- tiers ---

    def _choose(self, viewer: Viewer, now_s: float) -> None:
        for sub in list(viewer.subs.values()):
            if not sub.auto or sub.tier_feed is None:
                sub.struggled = False
                continue
            rates, signs = self._rates(sub), self._signs(sub, now_s)
            sub.struggled, sub.decode_ms, sub.age_ms = False, 0.0, 0.0
            if viewer.probe is not None and not signs.behind:
                continue  # what it proves is known at its end
            before, sub.tier = sub.tier, policy.decide(sub.tier, signs, rates, now_s)
            if signs.behind and viewer.link is None:
                self._attend(viewer, now_s)
            if sub.tier.tier != before.tier:
                self._change(sub, before.tier)
            self._listen(sub, signs, rates, now_s)

    def _change(self, sub: Subscription, before: str) -> None:
        viewer, tier = sub.viewer, sub.tier.tier
        sub.changes += 1
        up = SERVED.index(tier) > SERVED.index(before)
        self._hub.stats.changed["up" if up else "down"] += 1
        viewer.probe = None
        self._hub.change_tier(sub, tier)
        viewer.send(outbound.notice(f"tier {before} -> {tier}", sub.feed.run, tier=tier))

    def _listen(self, sub: Subscription, signs: policy.Signs, rates: policy.Rates, now_s: float) -> None:
        """Have the tier measured that could be next, so that nobody is put on it on the strength of a guess."""
        state = sub.tier
        if not (state.jumped or now_s - state.calm_s >= state.hold_s):
            return
        target = policy.best(state.tier, signs.proven, rates)
        if target is not None and target not in rates:
            self._hub.listen(sub, target, now_s + LISTEN_S)

    @staticmethod
    def _rates(sub: Subscription) -> policy.Rates:
        rates = sub.feed.rates[sub.viewer.text]
        for name, tier in sub.feed.tiers.items():
            meter = tier.text_meter if sub.viewer.text else tier.meter
            if meter.per_s is not None:
                rates[name] = meter.per_s
        return rates

    @staticmethod
    def _signs(sub: Subscription, now_s: float) -> policy.Signs:
        viewer, link = sub.viewer, sub.viewer.link
        behind = viewer.late or (sub.struggled and now_s - viewer.padded_s > EXCUSED_S)
        if sub.age_ms and sub.tier_feed is not None:  # older on the screen than it was when it was sent on
            behind = behind or sub.age_ms / 1000 - sub.tier_feed.age_s > viewer.budget_s
        if link is None:
            return policy.Signs(behind, sub.decode_ms)
        delayed = now_s - viewer.padded_s > EXCUSED_S and link.delayed_s(now_s) > viewer.budget_s * policy.DELAY_SHARE
        behind = behind or delayed
        return policy.Signs(behind, sub.decode_ms, link.limit, link.proven(now_s))
