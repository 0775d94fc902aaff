import math
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.points import configured_point

from ems_telemetry.model import Flag, Quality, RawValue, Reading, Sample
from ems_telemetry.normalize.meaning import Normalizer

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KEY = "EM-01.p"


def read(value: RawValue, *, sample: dict[str, Any] | None = None, **point: Any) -> Reading:  # noqa: ANN401 - keys as in a file
    (reading,) = Normalizer("c", [configured_point(**point)]).normalize([_sample(value, **(sample or {}))]).readings
    return reading


def _sample(value: RawValue, **fields: Any) -> Sample:  # noqa: ANN401 - fields of a sample
    return Sample(**{"point": KEY, "time": NOW, "value": value, "received_at": NOW, **fields})


@pytest.mark.parametrize(
    ("value", "point", "expected"),
    [
        (1500, {"unit": "W"}, 1.5),
        (1.5, {}, 1.5),
        (3, {"scale": "0.1"}, 0.3),
        (7, {"scale": "0.7"}, 4.9),
        (1234567, {"unit": "Wh", "quantity": "active_energy_import"}, 1234.567),
        (300.15, {"unit": "K", "quantity": "temperature"}, 27.0),
        (212, {"unit": "degF", "quantity": "temperature"}, 100.0),
        (100, {"unit": "degC", "quantity": "temperature", "scale": "0.1", "offset": "-40"}, -30.0),
        (True, {"unit": "1", "quantity": "operating_state"}, 1.0),
        (False, {"unit": "1", "quantity": "operating_state"}, 0.0),
        ("running", {"unit": "1", "quantity": "operating_state", "states": {"running": 1, "off": 0}}, 1.0),
        (0, {}, 0.0),
        (-5, {}, -5.0),
    ],
)
def test_a_value_is_scaled_and_converted_with_one_rounding(value: RawValue, point: dict[str, Any], expected: float) -> None:
    reading = read(value, **point)
    assert reading.value == pytest.approx(expected, rel=1e-15)
    assert (reading.quality, reading.flags, reading.raw) == (192, 0, None)
    if "unit" not in point or point["unit"] in {"W", "Wh", "1"}:
        assert reading.value == expected


@given(st.integers(-(10**9), 10**9), st.sampled_from(["0.1", "0.01", "0.001", "0.5", "0.25"]))
def test_a_decimal_scale_gives_the_number_a_person_would_write(value: int, scale: str) -> None:
    assert read(value, scale=scale).value == float(Decimal(value) * Decimal(scale))


@pytest.mark.parametrize(
    ("value", "point", "flag", "raw"),
    [
        (None, {}, Flag.INVALID_VALUE, None),
        (math.nan, {}, Flag.INVALID_VALUE, None),
        (math.inf, {}, Flag.INVALID_VALUE, None),
        (10**400, {}, Flag.INVALID_VALUE, None),
        (0xFFFF, {"invalid": [0xFFFF]}, Flag.INVALID_VALUE, 65535.0),
        (-32768.0, {"invalid": [-32768]}, Flag.INVALID_VALUE, -32768.0),
        (501, {"range": [0, 500]}, Flag.OUT_OF_RANGE, 501.0),
        (-1, {"range": [0, 500]}, Flag.OUT_OF_RANGE, -1.0),
        (1.83e21, {"range": [0, 500]}, Flag.OUT_OF_RANGE, 1.83e21),
        (6000, {"range": [0, 500], "scale": "0.1"}, Flag.OUT_OF_RANGE, 6000.0),
    ],
)
def test_what_is_no_value_becomes_null_with_a_reason_and_never_zero(
    value: RawValue, point: dict[str, Any], flag: Flag, raw: float | None
) -> None:
    reading = read(value, **point)
    assert reading.value is None
    assert reading.quality == Quality.BAD
    assert reading.flags == flag
    assert reading.raw == raw


@pytest.mark.parametrize("value", [0, 500, 0.0, 500.0])
def test_the_ends_of_a_range_belong_to_it(value: float) -> None:
    assert read(value, range=[0, 500]).value == value


@given(st.floats(allow_nan=True, allow_infinity=True) | st.none() | st.integers())
def test_null_and_bad_quality_always_go_together(value: RawValue) -> None:
    reading = read(value, range=[-100, 100], invalid=[42])
    assert (reading.value is None) == (reading.quality == Quality.BAD)
    assert reading.value != 0 or value == 0


def test_a_bad_status_makes_the_value_null_and_keeps_what_was_said() -> None:
    fields = {"quality": Quality.BAD, "flags": Flag.BAD_STATUS, "status": 0x80890000}
    reading = read(12.5, sample=fields)
    assert (reading.value, reading.raw, reading.quality) == (None, 12.5, 0)
    assert (reading.flags, reading.source_status) == (Flag.BAD_STATUS, 0x80890000)


def test_an_uncertain_value_is_kept_as_uncertain() -> None:
    reading = read(12.5, sample={"quality": Quality.UNCERTAIN, "flags": Flag.UNCERTAIN_STATUS})
    assert (reading.value, reading.quality, reading.flags) == (12.5, 64, Flag.UNCERTAIN_STATUS)


def test_a_64_bit_counter_keeps_every_unit() -> None:
    count = 2**64 - 1
    reading = read(count, unit="Wh", quantity="active_energy_import", kind="counter")
    assert reading.exact == Decimal(count) / 1000
    assert reading.value == float(Decimal(count) / 1000)


def test_a_counter_that_fits_a_double_needs_no_exact_value() -> None:
    assert read(2**53, unit="Wh", quantity="active_energy_import", kind="counter").exact is None


MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("time", "expected", "flags"),
    [
        (NOW - MINUTE, NOW - MINUTE, Flag(0)),
        (NOW + 5 * MINUTE, NOW + 5 * MINUTE, Flag(0)),
        (NOW + 5 * MINUTE + timedelta(microseconds=1), NOW, Flag.CLOCK_REPLACED),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW, Flag.CLOCK_REPLACED),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), NOW, Flag.CLOCK_REPLACED),
        (datetime(2000, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC), Flag(0)),
        (None, NOW, Flag.NO_SOURCE_TIME),
    ],
)
def test_a_time_that_cannot_be_right_is_replaced_and_flagged(time: datetime | None, expected: datetime, flags: Flag) -> None:
    reading = read(1.0, sample={"time": time})
    assert (reading.time, reading.flags) == (expected, flags)


def test_replaced_times_of_a_point_never_coincide() -> None:
    normalizer = Normalizer("c", [configured_point()])
    readings = normalizer.normalize([_sample(float(i), time=None) for i in range(5)]).readings
    assert len({reading.time for reading in readings}) == 5
    assert max(reading.time for reading in readings) - NOW < timedelta(milliseconds=1)


def test_a_clock_that_jumped_ahead_and_back_is_followed_back() -> None:
    normalizer = Normalizer("c", [configured_point()])
    received = [NOW, NOW + timedelta(days=365), NOW + MINUTE, NOW + 2 * MINUTE]
    samples = [_sample(float(i), time=None, received_at=at) for i, at in enumerate(received)]
    assert [reading.time for reading in normalizer.normalize(samples).readings] == received


def test_the_flags_of_the_connector_are_kept() -> None:
    assert read(1.0, sample={"flags": Flag.BACKFILLED, "time": None}).flags == Flag.BACKFILLED | Flag.NO_SOURCE_TIME


@pytest.mark.parametrize(
    ("sample", "reason"),
    [(_sample("offline"), "not_a_number"), (_sample(1.0, point="XX-99.p"), "unknown_point")],
)
def test_what_cannot_be_a_reading_is_a_dead_letter_with_its_reason(sample: Sample, reason: str) -> None:
    readings, (letter,) = Normalizer("c", [configured_point()]).normalize([sample])
    assert readings == []
    assert (letter.reason, letter.connector, letter.point) == (reason, "c", sample.point)
    assert str(sample.value).encode() in letter.payload


def test_one_unreadable_sample_does_not_hold_up_the_others() -> None:
    readings, letters = Normalizer("c", [configured_point()]).normalize([_sample(1.0), _sample("x"), _sample(2.0)])
    assert [reading.value for reading in readings] == [1.0, 2.0]
    assert len(letters) == 1


def test_the_letter_of_a_sample_with_its_own_time_is_the_same_when_it_is_delivered_again() -> None:
    def letter(**fields: Any) -> UUID:  # noqa: ANN401 - fields of a sample
        return Normalizer("c", [configured_point()]).normalize([_sample("offline", **fields)]).dead_letters[0].id

    assert letter() == letter(received_at=NOW + MINUTE)
    assert letter() != letter(time=NOW - MINUTE)
    assert letter(time=None) != letter(time=None)
