"""What a gateway tells Prometheus, with and without a token: its own counters, and the lag of every reader."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING

from lanecast.broker import lag, runs
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.exposition import Sample
from lanecast.gateway.stats import samples

if TYPE_CHECKING:
    from lanecast.gateway.hub import Hub


async def of_hub(hub: Hub, sees: Callable[[str], bool] = lambda _: True) -> list[Sample]:
    """The figures of this process and of the runs that `sees` lets through."""
    lags: list[lag.Lag] = []
    with contextlib.suppress(*TRANSIENT):  # the other figures are told even while Redis is away
        lags = await lag.of_runs(hub.client, [run for run in await runs.registered(hub.client) if sees(run)])
    return samples(
        hub.stats,
        node=hub.node,
        up=hub.online,
        viewers=len(hub.viewers),
        runs=len(hub.feeds),
        subscriptions=[row for row in hub.subscriptions() if sees(row[0])],
        lags=lags,
    )
