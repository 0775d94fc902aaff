"""Times as clients write them."""

from datetime import UTC, datetime

import pytest

from ems_telemetry.api.times import parse_time


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-02T10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02t10:00:00z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02 10:00:00Z", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T11:00:00+01:00", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T05:30:00-04:30", datetime(2026, 3, 2, 10, tzinfo=UTC)),
        ("2026-03-02T10:00:00.000123Z", datetime(2026, 3, 2, 10, 0, 0, 123, tzinfo=UTC)),
        ("2026-03-02T10:00:00.5Z", datetime(2026, 3, 2, 10, 0, 0, 500_000, tzinfo=UTC)),
    ],
)
def test_a_time_with_its_zone_is_read_into_utc(text: str, time: datetime) -> None:
    read = parse_time(text)
    assert (read, read.tzinfo) == (time, UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2026-03-02T10:00:00", "does not say its zone; write 2026-03-02T10:00:00Z"),
        ("2026-03-02T10:00:00 01:00", "%2B"),
        ("2026-03-02", "not an RFC 3339 time"),
        ("1772445600", "not an RFC 3339 time"),
        ("yesterday", "not an RFC 3339 time"),
        ("20260302T100000Z", "not an RFC 3339 time"),
        ("2026-03-02T10:00Z", "not an RFC 3339 time"),
        ("2026-02-30T10:00:00Z", "no day or hour there is"),
        ("2026-03-02T25:00:00Z", "no day or hour there is"),
        ("9999-12-31T23:59:59-01:00", "no day or hour there is"),
        ("٢٠٢٦-03-02T10:00:00Z", "not an RFC 3339 time"),
    ],
)
def test_any_other_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_time(text)
