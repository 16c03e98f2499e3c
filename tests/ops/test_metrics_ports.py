"""Several processes on one machine tell their figures on ports of their own."""

from __future__ import annotations

import pytest

from lanecast.ops.metrics_ports import numbered
from lanecast.ops.supervise import Part


async def ready(_: str) -> bool:
    return True


PARTS = [Part("worker-1", ("w",), ready, lambda life: {"LIFE": life}), Part("gateway-1", ("g",), ready)]


def test_each_part_gets_the_next_port_besides_its_other_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANECAST_METRICS_PORT", "9464")
    worker, gateway = numbered(PARTS)
    assert worker.env("x") == {"LIFE": "x", "LANECAST_METRICS_PORT": "9464"}
    assert gateway.env("x") == {"LANECAST_METRICS_PORT": "9465"}


@pytest.mark.parametrize("text", ["0", ""])
def test_without_a_port_nothing_is_told(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("LANECAST_METRICS_PORT", text)
    assert numbered(PARTS) == PARTS
