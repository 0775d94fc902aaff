"""Times as devices write them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from ems_telemetry.connectors.mqtt.times import TimeFormat, compile_time

RECEIVED = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("said", "time"),
    [
        ("2014-07-11T15:26:37Z", datetime(2014, 7, 11, 15, 26, 37, tzinfo=UTC)),
        ("2020-02-26T20:44:09+01:00", datetime(2020, 2, 26, 19, 44, 9, tzinfo=UTC)),
        ("2022-06-30T13:52:52.0219440Z", datetime(2022, 6, 30, 13, 52, 52, 21944, tzinfo=UTC)),
        ("2022-06-30T13:52:52.021944123+02:00", datetime(2022, 6, 30, 11, 52, 52, 21944, tzinfo=UTC)),
        ("2025-02-12T22:47:39", datetime(2025, 2, 12, 22, 47, 39, tzinfo=UTC)),
        ("2025-02-12 22:47", datetime(2025, 2, 12, 22, 47, tzinfo=UTC)),
        (" 2025-02-12T22:47:39Z ", datetime(2025, 2, 12, 22, 47, 39, tzinfo=UTC)),
        (1757060280, datetime(2025, 9, 5, 8, 18, tzinfo=UTC)),
        (1757060280.21, datetime(2025, 9, 5, 8, 18, 0, 210000, tzinfo=UTC)),
        (1757060280210, datetime(2025, 9, 5, 8, 18, 0, 210000, tzinfo=UTC)),
        (1757060280210987, datetime(2025, 9, 5, 8, 18, 0, 210987, tzinfo=UTC)),
        (1757060280210987654, datetime(2025, 9, 5, 8, 18, 0, 210987, tzinfo=UTC)),
        ("1757060280", datetime(2025, 9, 5, 8, 18, tzinfo=UTC)),
        ("1757060280210", datetime(2025, 9, 5, 8, 18, 0, 210000, tzinfo=UTC)),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
    ],
)
def test_formats_are_recognised(said: object, time: datetime) -> None:
    assert compile_time(TimeFormat.AUTO)(said, RECEIVED) == time


@pytest.mark.parametrize(
    ("time_format", "said"),
    [
        (TimeFormat.EPOCH_S, 1_000),
        (TimeFormat.EPOCH_MS, 1_000_000),
        (TimeFormat.EPOCH_US, 1_000_000_000),
        (TimeFormat.EPOCH_NS, 1_000_000_000_000),
        (TimeFormat.ISO8601, "1970-01-01T00:16:40Z"),
    ],
)
def test_a_format_that_is_said_is_not_guessed(time_format: TimeFormat, said: object) -> None:
    assert compile_time(time_format)(said, RECEIVED) == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=1_000)


@pytest.mark.parametrize(
    ("time_format", "said"),
    [
        (TimeFormat.AUTO, "soon"),
        (TimeFormat.AUTO, ""),
        (TimeFormat.AUTO, "2022-06-30"),
        (TimeFormat.AUTO, "2022-06-30T25:00:00Z"),
        (TimeFormat.AUTO, "0001-01-01T00:00:00+14:00"),
        (TimeFormat.AUTO, True),
        (TimeFormat.AUTO, float("nan")),
        (TimeFormat.AUTO, float("inf")),
        (TimeFormat.AUTO, 10**40),
        (TimeFormat.AUTO, {"t": 1}),
        (TimeFormat.AUTO, [1]),
        (TimeFormat.EPOCH_S, 10**15),
        (TimeFormat.EPOCH_MS, "2022-06-30T13:52:52Z"),
        (TimeFormat.ISO8601, 1757060280),
        (TimeFormat.ISO8601, "20220630"),
    ],
)
def test_what_is_no_time_is_refused(time_format: TimeFormat, said: object) -> None:
    with pytest.raises(ValueError, match=r"is not a time|beyond all times"):
        compile_time(time_format)(said, RECEIVED)


def test_a_time_without_a_zone_is_local_where_the_meter_stands() -> None:
    read = compile_time(TimeFormat.AUTO, BERLIN)
    assert read("2026-07-01T12:00:00", RECEIVED) == datetime(2026, 7, 1, 10, tzinfo=UTC)
    assert read("2026-07-01T12:00:00Z", RECEIVED) == datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_of_the_hour_that_is_repeated_in_autumn_the_one_nearer_to_the_reception_is_taken() -> None:
    read = compile_time(TimeFormat.AUTO, BERLIN)
    for received_at in (datetime(2026, 10, 25, 0, 30, 2, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, 2, tzinfo=UTC)):
        assert read("2026-10-25T02:30:00", received_at) == received_at - timedelta(seconds=2)
