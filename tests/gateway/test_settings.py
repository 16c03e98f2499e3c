from __future__ import annotations

import pytest
from pydantic import ValidationError

from lanecast.gateway import GatewaySettings, UnsafeBinding, serve


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANECAST_PORT", "9000")
    monkeypatch.setenv("LANECAST_ORIGINS", " https://A.example/ ,http://b:1 ")
    monkeypatch.setenv("LANECAST_SECRET", "s" * 32)
    settings = GatewaySettings()
    assert (settings.port, settings.origins) == (9000, ("https://a.example", "http://b:1"))
    assert settings.key == "s" * 32
    assert "sss" not in repr(settings)


def test_every_process_has_a_node_of_its_own() -> None:
    assert GatewaySettings().node != GatewaySettings().node


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("::", False), ("192.0.2.7", False),
     ("example.org", False)],
)  # fmt: skip
def test_what_counts_as_loopback(host: str, loopback: bool) -> None:
    settings = GatewaySettings(host=host)
    assert settings.on_loopback is loopback
    if not loopback:
        with pytest.raises(UnsafeBinding, match="LANECAST_SECRET"):
            serve(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"secret": "short"}, {"origins": "*"}, {"origins": "example.org"}, {"port": 70_000}, {"ping_s": 0},
        {"node": "a b"}, {"max_viewers": 0},
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate(wrong)


def test_an_empty_secret_is_none() -> None:
    assert GatewaySettings.model_validate({"secret": ""}).key is None
