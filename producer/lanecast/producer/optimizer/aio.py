"""`AsyncStreamingVisualizer`: the same for programs on asyncio; what waits is awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from lanecast.producer.optimizer.visualizer import StreamingVisualizer

LOOK_S: Final = 0.05


class AsyncStreamingVisualizer:
    """Arguments as for `StreamingVisualizer`. Made for one event loop; never blocks it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.sync = StreamingVisualizer(*args, **kwargs)

    async def start_streaming(self, generate_viewer: bool = True, viewer_path: Path | str | None = None) -> Self:
        """As the sync one."""
        await asyncio.to_thread(self.sync.start_streaming, generate_viewer, viewer_path)
        return self

    async def stop_streaming(self) -> None:
        """As the sync one."""
        await asyncio.to_thread(self.sync.stop_streaming)

    async def capture_and_stream(self, *args: Any, **kwargs: Any) -> bool:
        """As the sync one; takes some 10 to 100 us on the loop, for which a thread would be the dearer way."""
        return self.sync.capture_and_stream(*args, **kwargs)

    async def send_status(self, level: str, text: str) -> None:
        """As the sync one."""
        self.sync.send_status(level, text)

    async def wait_resume(self) -> bool:
        """As the sync one; can be cancelled. Each look takes microseconds, a waiting thread could not be ended."""
        while True:
            ready = self.sync.try_resume()
            if ready is not None:
                return ready
            await asyncio.sleep(LOOK_S)

    async def export_html(self, path: Path | str) -> Path:
        """As the sync one."""
        return await asyncio.to_thread(self.sync.export_html, path)

    @property
    def params(self) -> Mapping[str, Any]:
        """As in the sync one."""
        return self.sync.params

    @property
    def is_paused(self) -> bool:
        """As in the sync one."""
        return self.sync.is_paused

    @property
    def is_stop_requested(self) -> bool:
        """As in the sync one."""
        return self.sync.is_stop_requested

    def get_viewer_url(self) -> str:
        """As the sync one."""
        return self.sync.get_viewer_url()

    def get_server_stats(self) -> dict[str, Any]:
        """As the sync one."""
        return self.sync.get_server_stats()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.sync.__enter__)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.sync.__exit__, kind, error, traceback)
