"""What registers take, and what they refuse in words."""

from typing import Any

import pytest
from pydantic import ValidationError

from ems_telemetry.records.registers import REGISTERS, check_body

pytestmark = pytest.mark.unit


def example(kind: str, **change: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever a body holds
    body = REGISTERS[kind].example.model_dump(mode="json", by_alias=True, exclude_none=True)
    return {name: value for name, value in {**body, **change}.items() if value is not None}


@pytest.mark.parametrize("kind", REGISTERS)
def test_every_example_is_one(kind: str) -> None:
    assert check_body(REGISTERS[kind], example(kind)) == REGISTERS[kind].example


@pytest.mark.parametrize(
    ("kind", "change", "words"),
    [
        ("substance", {"cas": "67-64-2"}, "its last digit should be 1; a digit is mistyped"),
        ("substance", {"cas": "acetone"}, "looks like 7732-18-5"),
        ("substance", {"max_quantity": {"value": 2, "unit": "ton"}}, "say one of t, short_ton, long_ton"),
        ("waste_movement", {"code": "99 01 01"}, "no code of the List of Waste"),
        ("waste_movement", {"code": "15 02 02*", "hazardous": False}, "hazardous by its asterisk"),
        ("waste_movement", {"code": "20 01 01"}, "has no HP codes"),
        ("waste_movement", {"hp": ["HP16"]}, "say HP1 to HP15"),
        ("waste_movement", {"operation": "R14"}, "one of R1 to R13 or D1 to D15"),
        ("waste_movement", {"operation": None}, "has an `operation`"),
        ("waste_movement", {"tare": {"value": 20000, "unit": "kg"}}, "are they exchanged?"),
        ("waste_movement", {"tare": None}, "go together"),
        ("waste_movement", {"net": {"value": 6.32, "unit": "short_ton"}}, "gross - tare, which is 6320 kg"),
        ("waste_movement", {"net": {"value": 6320, "unit": "tons"}}, "may mean several"),
        ("waste_movement", {"gross": None, "tare": None}, "has a `net` weight"),
        ("waste_movement", {"moved_at": None, "stored_since": None}, "say `moved_at`"),
        ("sample", {"value": None}, "needs a `value`"),
        ("sample", {"qualifier": "ND"}, "there is no `value`"),
        ("sample", {"qualifier": "ND", "value": None, "lod": None}, "detection limit `lod` must be known"),
        ("sample", {"lod": "20"}, "are they exchanged?"),
        ("sample", {"analysed_at": "2026-03-01T00:00:00Z"}, "before `taken_at`"),
        ("factor", {"unit": "kg"}, "String should match pattern"),
        ("contract", {"vintage_to": "2025-01-01T00:00:00Z"}, "`vintage_from` is not before `vintage_to`"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(kind: str, change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check_body(REGISTERS[kind], example(kind, **change))
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("change", "since", "until"),
    [
        ({}, "2026-01-09T10:00:00", "2026-03-02T07:30:00.000001"),
        ({"moved_at": None}, "2026-01-09T10:00:00", None),
        ({"stored_since": None}, "2026-03-02T07:30:00", "2026-03-02T07:30:00.000001"),
    ],
)
def test_a_lot_of_waste_speaks_of_the_time_it_is_on_the_site(change: dict[str, Any], since: str, until: str | None) -> None:
    register = REGISTERS["waste_movement"]
    span = register.span_of(check_body(register, example("waste_movement", **change)))
    assert span is not None
    assert [None if time is None else time.isoformat() for time in span] == [
        {"2026-01-09T10:00:00": "2026-01-10T00:00:00+14:00"}.get(since, f"{since}+00:00"), until and f"{until}+00:00",
    ]  # fmt: skip
