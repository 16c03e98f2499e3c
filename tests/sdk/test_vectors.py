"""What each SDK publishes says what the vectors say: by its own tests, and by the reader that workers use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.producer.test_vectors import MAKER, SPEC
from tests.sdk.languages import SDK, Language

from lanecast.broker import payloads, wire

BY_ITSELF = {"lifecycle", "control", "result"}
VECTORS = SPEC / "vectors" / "entries-good.json"


def test_the_sdks_own_tests_pass(language: Language) -> None:
    language.run(language.test)


def test_what_an_sdk_publishes_says_what_the_vectors_say(language: Language) -> None:
    vectors: list[dict[str, Any]] = json.loads(VECTORS.read_text("utf-8"))
    lines = language.run((*language.rehearse, "vectors", str(VECTORS))).splitlines()
    assert len(lines) == len(vectors)
    for line, vector in zip(lines, vectors, strict=True):
        kind, data = line.split()
        assert kind == vector["message"]["kind"]
        if data == "-":
            assert kind in BY_ITSELF
            continue
        message = wire.from_fields({b"kind": kind.encode(), b"data": bytes.fromhex(data)}, vector["lane"])
        said = json.loads(json.dumps(MAKER.meaning_of(payloads.read(message))))
        assert said == vector["payload"], vector["name"]


def test_every_sdk_carries_the_append_script_as_it_is(root: Path) -> None:
    original = (root / "broker/lanecast/broker/scripts/append.lua").read_text("utf-8")
    copies = [path for path in SDK.rglob("append.lua") if not {"node_modules", "target"} & set(path.parts)]
    assert copies
    for copy in copies:
        assert copy.read_text("utf-8") == original, f"{copy}: copy broker/lanecast/broker/scripts/append.lua there"


def test_no_lock_file_names_a_registry_of_somebodys_own(root: Path) -> None:
    assert "resolved" not in (SDK / "javascript" / "package-lock.json").read_text("utf-8")
    for lock in SDK.glob("*/Cargo.lock"):
        sources = {line for line in lock.read_text("utf-8").splitlines() if line.startswith("source")}
        assert sources == {'source = "registry+https://github.com/rust-lang/crates.io-index"'}
