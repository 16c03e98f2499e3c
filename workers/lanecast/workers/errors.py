"""Why an owner gives up a run that it must then take over again.

LanecastError
├── WentBack    Redis has lost what it had acknowledged
└── Damaged     the run's keys are not what they should be
"""

from __future__ import annotations

from lanecast.broker.errors import LanecastError


class WentBack(LanecastError):
    """The server knows less than it has acknowledged: it came back empty, or from an older copy."""


class Damaged(LanecastError):
    """Somebody meddled with the run's keys; taking the run over again heals what can be healed."""
