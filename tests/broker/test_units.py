"""Units of columns, as a run states them."""

from __future__ import annotations

from typing import Any

import pytest

from lanecast.broker.errors import InvalidMessage
from lanecast.broker.units import read_units


def test_units_are_read_as_they_were_said() -> None:
    assert read_units({"tanks": {"level": "m"}, "pumps": {}}) == {"tanks": {"level": "m"}, "pumps": {}}


@pytest.mark.parametrize(
    ("raw", "field"),
    [
        ([], "units"),
        ({"tanks": "m"}, "units.tanks"),
        ({"tanks": {"level": None}}, "units.tanks.level"),
        ({"tanks": {"level": "m" * 65}}, "units.tanks.level"),
        ({"tanks": {f"c{n}": "m" for n in range(65)}}, "units.tanks"),
        ({f"l{n}": {} for n in range(65)}, "units"),
        ({"a\n": {}}, "units"),
    ],
)
def test_a_wrong_unit_is_refused_by_the_field(raw: Any, field: str) -> None:
    with pytest.raises(InvalidMessage) as refused:
        read_units(raw)
    assert refused.value.field == field
