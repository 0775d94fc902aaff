"""Qualities and errors as messages tell them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.mqtt.quality import Fault, fault_in, judge_opc, judge_opcua_status, judge_simatic
from ems_telemetry.model import Flag, Quality

GOOD, UNCERTAIN, BAD = Quality.GOOD, Quality.UNCERTAIN, Quality.BAD
FLAGS = {GOOD: 0, UNCERTAIN: Flag.UNCERTAIN_STATUS, BAD: Flag.BAD_STATUS}


@pytest.mark.parametrize(
    ("said", "quality", "status"),
    [
        (192, GOOD, 0),
        (216, GOOD, 0),
        ("192", GOOD, 0),
        (192.0, GOOD, 0),
        (True, GOOD, 0),
        ("Good", GOOD, 0),
        (64, UNCERTAIN, 64),
        (80, UNCERTAIN, 80),
        ("uncertain", UNCERTAIN, 64),
        (0, BAD, 0),
        (24, BAD, 24),
        (128, BAD, 128),
        (False, BAD, 0),
        ("bad", BAD, 0),
        (0x01C0, GOOD, 0),
    ],
)
def test_opc_qualities(said: object, quality: Quality, status: int) -> None:
    assert judge_opc(said) == (quality, status, FLAGS[quality])


@pytest.mark.parametrize(
    ("said", "quality", "status"),
    [
        (None, GOOD, 0),
        (0, GOOD, 0),
        ({}, GOOD, 0),
        ({"Code": 0x80340000, "Symbol": "BadNodeIdUnknown"}, BAD, 0x80340000),
        ({"Symbol": "UncertainLastUsableValue"}, UNCERTAIN, 0x40000000),
        (0x80340000, BAD, 0x80340000),
        (0xC0000000, BAD, 0xC0000000),
        (0x40900000, UNCERTAIN, 0x40900000),
        ("0x80340000", BAD, 0x80340000),
        ("2150891520", BAD, 0x80340000),
        ("Good", GOOD, 0),
        ("BadNodeIdUnknown", BAD, 0x80000000),
        (0x00000400, GOOD, 0x400),
    ],
)
def test_opc_ua_status_codes(said: object, quality: Quality, status: int) -> None:
    assert judge_opcua_status(said) == (quality, status, FLAGS[quality])


@pytest.mark.parametrize(
    ("said", "quality", "status"), [(3, GOOD, 0), (2, GOOD, 0), ("3", GOOD, 0), (1, UNCERTAIN, 1), (0, BAD, 0)]
)
def test_qualities_of_the_databus(said: object, quality: Quality, status: int) -> None:
    assert judge_simatic(said) == (quality, status, FLAGS[quality])


@pytest.mark.parametrize("judge", [judge_opc, judge_opcua_status, judge_simatic])
@pytest.mark.parametrize("said", ["fine", 1.5, [192], float("nan"), float("inf"), "0xgg"])
def test_what_is_no_quality_is_refused(judge: object, said: object) -> None:
    with pytest.raises(ValueError, match=r"is not|invalid literal"):
        judge(said)  # type: ignore[operator]  # parametrize hides the type


@given(st.integers(min_value=0, max_value=2**32 - 1))
def test_every_status_code_has_the_quality_of_its_severity(status: int) -> None:
    severities = {0: GOOD, 1: UNCERTAIN, 2: BAD, 3: BAD}
    assert judge_opcua_status(status).quality == severities[status >> 30]


@pytest.mark.parametrize("said", [None, 0, 0.0, "0", "", "0.0", False, [], {}])
def test_nothing_is_wrong_where_an_error_is_empty(said: object) -> None:
    assert fault_in(said) is None


@pytest.mark.parametrize(
    ("said", "code"), [(2014, 2014), ("2014", 2014), (-1, -1), ("timeout", 1), (True, 1), ([1], 1), (1.5, 1), (2**70, 1)]
)
def test_an_error_has_its_own_code_if_it_is_a_number(said: object, code: int) -> None:
    assert fault_in(said) == Fault(code)
