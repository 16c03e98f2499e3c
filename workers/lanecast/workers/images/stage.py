"""The cameras of one run: between its owner, who reads the lane `low`, and the pool, which makes the pictures.

Guarantees: of each camera only the newest picture is kept, and one is under way at most; what is written is written
under the run's lease, and once. Nothing here is waited for by the owner: a failure is counted, and the next picture is
another chance.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import redis
import structlog

from lanecast.broker import images, messages, pictures, scripts
from lanecast.broker.connect import TRANSIENT
from lanecast.broker.errors import Fenced
from lanecast.broker.offsets import Offset
from lanecast.workers.images import relief
from lanecast.workers.images.camera import Camera, Plan, Source
from lanecast.workers.images.codec import Encoded

if TYPE_CHECKING:
    from lanecast.workers.images.pool import Pool

TELL_S: Final = 1.0
"""What is known of a camera is written no more often than this."""

log = structlog.get_logger()


class Stage:
    """One run's pictures. Everything here runs on the event loop.

    Args:
        client: of Redis; shared.
        run: its id.
        epoch: of the owner's lease.
        run_epoch: from the run's info.
        pool: makes the pictures.
    """

    def __init__(self, client: Any, run: str, epoch: int, run_epoch: str, pool: Pool) -> None:
        self.run = run
        self.cameras: dict[str, Camera] = {}
        self.watched: frozenset[str] = frozenset()
        self.failures: list[tuple[str, str]] = []
        self._client = client
        self._epoch = epoch
        self._run_epoch = run_epoch
        self._pool = pool
        self._counts: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._told_s: dict[str, float] = {}
        self._writing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def plan(self) -> Plan:
        """What is to be made, and for whom, as long as there is so much time."""
        return relief.makes(self.watched, self._pool.level)

    @property
    def kept_bytes(self) -> int:
        """What the newest pictures take."""
        return sum(camera.newest.size for camera in self.cameras.values() if camera.newest is not None)

    def take(self, sources: Sequence[Source], watched: frozenset[str], now: float) -> None:
        """Take what was read, and who watches; `now` is seconds of the monotonic clock."""
        new, changed = watched - self.watched, bool(sources) or watched != self.watched
        self.watched = watched
        for tier in new:
            self.again(tier)
        for source in sources:
            name = source.image.camera
            gone = self._make_room(name)
            camera = self.cameras.setdefault(name, Camera(name))
            reason = camera.take(source, self.plan, now)
            if reason is not None:
                self._drop(reason)
            if reason == "overload":
                self._pool.missed()
            if now - self._told_s.get(name, float("-inf")) >= TELL_S or gone:
                self._told_s[name] = now
                self._spawn(self._write(name, self._known(source), (), gone))
        if changed:
            self._pool.look()

    def again(self, tier: str) -> None:
        """Somebody new watches a tier: show the newest pictures, though others may have seen them."""
        for made, tiers in self.plan.items():
            for camera in self.cameras.values() if tier in tiers else ():
                camera.show_again(made)
        self._pool.look()

    def give_up(self, camera: Camera) -> None:
        """There is no memory for a camera's newest picture."""
        camera.newest = None
        self._drop("memory")

    def finished(
        self, camera: Camera, source: Source, made: dict[str, Encoded], gets: Plan,
        skipped: dict[str, int], now_ms: float,
    ) -> None:  # fmt: skip
        """A picture was made: write it, and only then begin with the camera's next."""
        rendered = [
            self._render(camera.name, source, tier, encoded, skipped[tier], now_ms)
            for name, encoded in made.items()
            for tier in gets[name]
        ]
        self._spawn(self._write(camera.name, None, rendered, "", camera))

    def failed(self, camera: Camera, problem: str) -> None:
        """A picture could not be made: it is damaged behind its header."""
        camera.busy = False
        self._counts["rejected:low:image"] += 1
        self.failures.append((camera.name, problem))

    def collect(self) -> Counter[str]:
        """What is to be counted since the last call."""
        counts, self._counts = self._counts, Counter()
        return counts

    async def close(self) -> None:
        """Make no more pictures; what is being written is given up."""
        self._closed = True
        self._pool.leave(self)
        for task in list(self._writing):
            task.cancel()
        await asyncio.gather(*self._writing, return_exceptions=True)

    def _render(
        self, camera: str, source: Source, tier: str, encoded: Encoded, skipped: int, now_ms: float
    ) -> pictures.Rendered:
        self._numbers[tier] += 1
        offset = Offset(self._epoch, self._numbers[tier])
        hops = {"pub_ms": source.pub_ms, "in_ms": source.in_ms, "out_ms": now_ms}
        data = messages.image(
            self.run, tier, self._run_epoch, offset, camera, encoded.width, encoded.height, source.image.step,
            source.image.time_s, hops, skipped, encoded.data,
        )  # fmt: skip
        self._pool.stats.add("images")
        self._pool.stats.add("image_bytes", len(data))
        return pictures.Rendered(tier, offset, source.pub_ms, data)

    async def _write(
        self, camera: str, info: pictures.CameraInfo | None, rendered: Sequence[pictures.Rendered], gone: str,
        busy: Camera | None = None,
    ) -> None:  # fmt: skip
        try:
            call = pictures.write(self.run, self._epoch, camera, info, rendered, gone)
            pictures.check(self.run, self._epoch, await scripts.run(self._client, call))
        except Fenced:
            self._closed = True  # the owner learns it by itself
        except redis.exceptions.OutOfMemoryError:
            self._drop("oom", len(rendered))
        except (*TRANSIENT, redis.ResponseError) as error:
            self._drop("away", len(rendered))
            log.debug("picture_not_written", run=self.run, camera=camera, error=str(error))
        finally:
            if busy is not None:
                busy.busy = False
                self._pool.look()

    def _known(self, source: Source) -> pictures.CameraInfo:
        image = source.image
        best = relief.best(self._pool.level)
        return pictures.CameraInfo(
            image.camera, image.mime, source.width, source.height, image.step, image.time_s, source.pub_ms, best
        )

    def _make_room(self, name: str) -> str:
        """Forget the camera that has been silent for longest if a new one is one too many; its name, or nothing."""
        if name in self.cameras or len(self.cameras) < images.MAX_CAMERAS:
            return ""
        silent = min(self.cameras.values(), key=lambda camera: camera.taken_s)
        self._told_s.pop(silent.name, None)
        return self.cameras.pop(silent.name).name

    def _drop(self, reason: str, count: int = 1) -> None:
        if count:
            self._counts[f"dropped:low:image_{reason}"] += count
            self._pool.stats.add("dropped", count)

    def _spawn(self, work: Any) -> None:
        if self._closed:
            work.close()
            return
        task = asyncio.ensure_future(work)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
