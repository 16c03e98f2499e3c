"""Where a run's quality policy meets its viewers: frame rates, a `run` message, a log line. Pure."""

from __future__ import annotations

import structlog

from lanecast.broker.runs import QualityInfo, RunInfo
from lanecast.workers.bulletin import Bulletin
from lanecast.workers.quality import Measure, Preset, State, step
from lanecast.workers.render import Renderers

log = structlog.get_logger()


class Grading:
    """The quality of one run; it begins where the run's last owner was."""

    def __init__(self, preset: Preset, bulletin: Bulletin, renderers: Renderers) -> None:
        told = bulletin.info.quality
        self._preset = preset
        self._bulletin = bulletin
        self._renderers = renderers
        self._state = State(min(told.level, len(preset.levels)), told.reason)
        self._renderers.limit(preset.fps(self._state.level))
        self._log = log.bind(run=bulletin.info.id, preset=preset.name)

    def take(self, measure: Measure, now: float, now_ms: float) -> bool:
        """Take a measurement; whether it changed the level."""
        before, self._state = self._state, step(self._state, measure, now, self._preset)
        level, reason = self._state.level, self._state.reason
        if level == before.level:
            return False
        fps = self._preset.fps(level)
        self._renderers.limit(fps)

        def edit(info: RunInfo) -> None:
            info.quality = QualityInfo(level, fps if level else {}, reason)

        self._bulletin.change(now_ms, edit)
        lower = level > before.level
        (self._log.warning if lower else self._log.info)(
            "quality", level=level, before=before.level, reason=reason, run_cpu=round(measure.run_cpu, 2),
            process_cpu=round(measure.process_cpu, 2), render_ms=round(measure.render_ms, 1),
        )  # fmt: skip
        return True
