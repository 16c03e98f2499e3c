"""What `lanecast watch` draws on a terminal: the run, its layers and metrics, and the last lines of its log. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from lanecast.ops.session import Session

_COLOURS = {"running": "green", "paused": "yellow", "lost": "red", "ended": "cyan"}


@dataclass
class Screen:
    """The picture of one session.

    Attributes:
        link: `connected`, or why not.
        frames: Unix times (s) of the last frames, for their rate.
        log: the last lines, newest last.
    """

    session: Session
    link: str = "connecting"
    frames: deque[float] = field(default_factory=lambda: deque(maxlen=60))
    log: deque[str] = field(default_factory=lambda: deque(maxlen=6))

    def note(self, message: Mapping[str, Any]) -> None:
        """Take a lossless message, notice or error into the log."""
        match message.get("type"):
            case "status":
                self.log.append(f"{message.get('level', 'info')}: {message.get('text', '')}")
            case "control_state":
                state = "stopping" if message.get("stopping") else "paused" if message.get("paused") else "running"
                params = " ".join(f"{name}={value}" for name, value in (message.get("params") or {}).items())
                self.log.append(f"now {state} {params}".rstrip())
            case "run":
                self.log.append(f"run {message.get('info', {}).get('state', '')}")
            case "result" if not message.get("ok"):
                self.log.append(f"{message.get('name')} refused: {message.get('error')}")
            case "notice" | "error":
                self.log.append(str(message.get("text") or message.get("message") or ""))
            case _:
                pass

    def render(self, now_s: float) -> RenderableType:
        """The picture at Unix time `now_s`."""
        session = self.session
        info = session.info or {}
        state = str(info.get("state", "…"))
        head = Text.assemble(
            (f" {state} ", f"bold reverse {_COLOURS.get(state, 'white')}"),
            f"  {info.get('title') or session.run}   ",
            (self.link, "green" if self.link == "connected" else "bold red"),
        )
        parts: list[RenderableType] = [head]
        if session.view.frame:
            frame, age_ms = session.view.frame, session.age_ms(now_s * 1000) or 0.0
            parts.append(
                Text(
                    f"simulation time {frame['time_s']:.1f} s   step {frame['step']}   tier {session.tier}   "
                    f"{self._rate(now_s):.0f} frames/s   age {age_ms:.0f} ms"
                )
            )
            parts += [self._layers(), self._metrics()]
        else:
            parts.append(Text("waiting for the first frame", "dim"))
        if self.log:
            parts.append(Text("\n".join(self.log), "dim"))
        return Panel(Group(*parts), title=escape(session.run), title_align="left")

    def _rate(self, now_s: float) -> float:
        recent = [at for at in self.frames if now_s - at < 2.0]
        return len(recent) / 2.0

    def _layers(self) -> Table:
        table = Table("layer", "entities", "columns", box=None, pad_edge=False, header_style="dim")
        for name, layer in self.session.view.layers.items():
            table.add_row(escape(name), f"{len(layer.ids):,}", escape(", ".join(layer.columns)))
        return table

    def _metrics(self) -> Table:
        table = Table("metric", "value", box=None, pad_edge=False, header_style="dim")
        for name, value in self.session.view.metrics.items():
            table.add_row(escape(name), f"{value:,.2f}".rstrip("0").rstrip("."))
        return table
