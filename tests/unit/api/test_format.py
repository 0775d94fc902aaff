"""Which format a client gets, and how values are written in it."""

import csv
import io
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.api.format import Format, choose_format, write_csv, write_json, write_ndjson, write_time
from ems_telemetry.api.problem import ApiError, ProblemType


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, Format.JSON),
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("TEXT/CSV", Format.CSV),
        ("text/*", Format.CSV),
        ("application/*", Format.JSON),
        ("application/x-ndjson", Format.NDJSON),
        ("text/html, application/json;q=0.9, */*;q=0.8", Format.JSON),
        ("application/json;q=0.2, text/csv;q=0.7", Format.CSV),
        ("application/json;q=0, */*", Format.CSV),
        ("text/csv; charset=utf-8; q=0.5", Format.CSV),
        ("application/json;q=high, text/csv", Format.CSV),
    ],
)
def test_the_header_chooses(accept: str | None, chosen: Format) -> None:
    assert choose_format(None, accept) is chosen


def test_the_parameter_wins() -> None:
    assert choose_format(Format.CSV, "application/json") is Format.CSV


@pytest.mark.parametrize("accept", ["application/xml", "image/*", "application/json;q=0", "nonsense"])
def test_what_is_not_offered_is_refused(accept: str) -> None:
    with pytest.raises(ApiError) as refused:
        choose_format(None, accept)
    assert refused.value.type is ProblemType.NOT_ACCEPTABLE


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (0.1, "0.1"),
        (-84.2, "-84.2"),
        (1e300, "1e+300"),
        (True, "true"),
        (["bad_status", "manual"], "bad_status manual"),
        ({"samples_stored": 7}, '{"samples_stored":7}'),
        (datetime(2026, 3, 2, 10, 0, 0, 120, tzinfo=UTC), "2026-03-02T10:00:00.000120Z"),
        ("-9007199254740993", "-9007199254740993"),
        ('=HYPERLINK("x")', '\'=HYPERLINK("x")'),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("-1+cmd|'/c calc'!A0", "'-1+cmd|'/c calc'!A0"),
        ("line\nbreak, comma", "line\nbreak, comma"),
    ],
)
def test_a_cell_says_what_the_value_is(value: object, cell: str) -> None:
    (row,) = csv.DictReader(io.StringIO(write_csv([{"it": value, "end": "."}], ["it", "end"]).decode(), newline=""))
    assert row == {"it": cell, "end": "."}


def test_an_empty_list_is_still_a_list() -> None:
    assert write_json([], None) == b'{"items":[],"next":null}'
    assert write_ndjson([]) == b""
    assert write_csv([], ["time", "value"]) == b"time,value\r\n"


def test_both_writers_write_times_alike() -> None:
    for time in (datetime(2026, 3, 2, 10, 0, 0, 5, tzinfo=UTC), datetime(2026, 3, 2, 10, tzinfo=UTC)):
        assert write_ndjson([{"time": time}]) == f'{{"time":"{write_time(time)}"}}\n'.encode()


FLOATS = st.floats(allow_nan=False, allow_infinity=False)
COLUMNS = [
    FLOATS,
    FLOATS | st.none(),
    st.floats(0, 1e-3) | st.integers(0, 10**15),
    st.integers(-(2**63), 2**63 - 1) | st.none(),
    st.datetimes(timezones=st.just(UTC)),
    st.datetimes(timezones=st.just(UTC)) | st.none(),
    st.text(st.sampled_from("ab =+-@\",;\r\n\t'é")) | st.none(),
    st.booleans() | st.none(),
    st.lists(st.sampled_from(["missing", "reset", "dip"])),
    st.one_of(FLOATS, st.text("x,"), st.booleans(), st.none()),
]


def cell(value: object) -> object:
    """Says what a cell of the library's writer would be given."""
    match value:
        case datetime():
            return write_time(value)
        case bool():
            return str(value).lower()
        case list():
            return " ".join(value)
        case str() if value[:1] in {"=", "+", "-", "@", "\t", "\r"} and value:
            return f"'{value}"
    return value


@given(st.lists(st.tuples(*COLUMNS), max_size=8))
def test_columns_are_written_to_the_byte_as_the_library_writes_rows(rows: list[tuple[Any, ...]]) -> None:
    names = [f"column_{number}" for number in range(len(COLUMNS))]
    text = io.StringIO(newline="")
    csv.writer(text).writerows([names, *([cell(value) for value in row] for row in rows)])
    structure = msgspec.defstruct("Structure", names)
    assert write_csv([dict(zip(names, row, strict=True)) for row in rows], names) == text.getvalue().encode()
    assert write_csv([structure(*row) for row in rows], names) == text.getvalue().encode()
