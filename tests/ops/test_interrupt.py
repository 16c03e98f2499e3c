"""Ctrl-C ends a command that goes on for ever, whatever it is doing."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from lanecast.ops import interrupt


def test_what_ends_by_itself_gives_its_outcome() -> None:
    async def seven() -> int:
        return 7

    async def fails() -> int:
        raise LookupError("seven")

    assert interrupt.run(seven()) == 7
    with pytest.raises(LookupError, match="seven"):
        interrupt.run(fails())


def test_an_interrupt_that_is_swallowed_comes_again() -> None:
    swallowed = 0

    async def goes_on() -> None:
        nonlocal swallowed
        os.kill(os.getpid(), signal.SIGINT)
        while swallowed < 2:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
        await asyncio.sleep(60)

    with pytest.raises(KeyboardInterrupt):
        interrupt.run(goes_on())
    assert swallowed == 2
