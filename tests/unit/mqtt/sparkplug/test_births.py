"""Births are read, and kept, with all that later messages leave out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.mqtt.sparkplug.line import bd_seq, metric, ms, payload

from ems_telemetry.connectors.mqtt.sparkplug.births import (
    Birth,
    Definition,
    Record,
    bd_seq_of,
    decode_record,
    encode_record,
    is_older,
    read_birth,
)
from ems_telemetry.connectors.mqtt.sparkplug.values import DataType


def test_a_birth_tells_alias_datatype_and_unit() -> None:
    told = payload(
        bd_seq(3),
        metric("Energy/Import", 1, alias=0, type=DataType.INT64, properties={"engUnit": "kWh", "tooltip": "main meter"}),
        metric("State", "on", type=DataType.STRING),
    )
    assert read_birth(told) == Birth(
        {
            "bdSeq": Definition(None, DataType.INT64),
            "Energy/Import": Definition(0, DataType.INT64, "kWh", "main meter"),
            "State": Definition(None, DataType.STRING),
        },
        bd_seq=3,
        sent_ms=ms(0),
    )


@pytest.mark.parametrize(
    "key",
    ["engUnit", "EngUnit", "Engineering Units", "engineeringUnits", "EngineeringUnit", "eng_unit", "Unit", "units", "UoM"],
)
def test_units_are_found_however_their_property_is_spelled(key: str) -> None:
    birth = read_birth(payload(metric("Power", 1.0, properties={"other": 5, key: "kW"})))
    assert birth.metrics["Power"].unit == "kW"


def test_of_a_metric_that_stands_twice_the_last_counts() -> None:
    assert read_birth(payload(metric("A", 1.0, alias=1), metric("A", 1.0, alias=2))).metrics["A"].alias == 2


@pytest.mark.parametrize("type_", [DataType.INT64, DataType.UINT64, DataType.UINT8, DataType.INT32])
def test_the_number_of_a_session_may_be_of_any_width_and_stand_twice(type_: DataType) -> None:
    assert bd_seq_of(payload(bd_seq(5, type_), bd_seq(5, type_))) == 5


def test_or_not_be_there() -> None:
    assert bd_seq_of(payload(metric("bdSeq", 1.5))) is None
    assert bd_seq_of(payload()) is None


@pytest.mark.parametrize(
    ("death", "birth", "older"),
    [
        (4, 5, True),
        (5, 5, False),
        (6, 5, False),
        (255, 0, True),
        (0, 255, False),
        (None, 5, False),
        (5, None, False),
        (299, 300, True),
        (300, 299, False),
        (200, 1000, True),
    ],
)
def test_a_death_of_an_older_session_is_told_from_one_of_this_or_a_later(
    death: int | None, birth: int | None, *, older: bool
) -> None:
    assert is_older(death, birth) is older


NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DEFINITIONS = st.builds(Definition, st.none() | st.integers(0, 2**64 - 1), st.integers(0, 40), NAMES, NAMES)
BIRTHS = st.builds(Birth, st.dictionaries(NAMES, DEFINITIONS), st.none() | st.integers(0, 2**63), st.integers(0, 2**63))


@given(st.builds(Record, BIRTHS, st.none() | NAMES, st.dictionaries(NAMES, NAMES)))
def test_what_is_kept_comes_back_the_same(record: Record) -> None:
    assert decode_record(encode_record(record)) == record


@given(st.binary(max_size=50))
def test_what_is_no_record_is_refused(stored: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode_record(stored)
