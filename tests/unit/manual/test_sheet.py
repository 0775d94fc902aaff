"""Readings from a CSV file: what is taken, and what is refused with its line and a remedy."""

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ems_telemetry.connectors.manual.row import KnownPoint
from ems_telemetry.connectors.manual.sheet import Sheet, read_sheet
from ems_telemetry.model import Flag, Quality

NOW = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
KNOWN = {
    "GM-01.volume": KnownPoint(BERLIN),
    "GM-01.state": KnownPoint(BERLIN, {"closed", "running"}),
    "WM-09.volume": KnownPoint(ZoneInfo("UTC")),
}
HEADER = "point,time,value\n"


def sheet_of(tmp_path: Path, content: str | bytes) -> Sheet:
    path = tmp_path / "readings.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_sheet(path, KNOWN, NOW)


def test_readings_become_samples_flagged_as_manual(tmp_path: Path) -> None:
    sheet = sheet_of(tmp_path, HEADER + "GM-01.volume,2026-03-01T08:00:00+01:00,1234.5\n")
    assert sheet.problems == ()
    (sample,) = sheet.samples
    assert sample == ("GM-01.volume", datetime(2026, 3, 1, 7, tzinfo=UTC), 1234.5, NOW, Quality.GOOD, 0, Flag.MANUAL)


@pytest.mark.parametrize(
    "content",
    [
        "value;point;time\n1234,5;GM-01.volume;2026-03-01 08:00\n",
        "value;point;time\n1234.5;GM-01.volume;2026-03-01 08:00\n",
        "\ufeffPoint, Time, Value\r\nGM-01.volume, 2026-03-01 08:00, 1234.5\r\n\r\n",
        'point,time,value\n"GM-01.volume","2026-03-01 08:00","1234.5"\n',
        "point;time;value;quality\nGM-01.volume;2026-03-01 08:00;1234,5;\n;;;\n",
        "point,time,value\nGM-01.volume,2026-03-01T07:00Z,1234.5",
    ],
    ids=["decimal comma", "semicolons with points", "byte order mark", "quotes", "empty line", "no last line break"],
)
def test_what_spreadsheets_write_is_understood(tmp_path: Path, content: str) -> None:
    sheet = sheet_of(tmp_path, content)
    assert sheet.problems == ()
    assert [(sample.point, sample.time, sample.value) for sample in sheet.samples] == [
        ("GM-01.volume", datetime(2026, 3, 1, 7, tzinfo=UTC), 1234.5)
    ]


def test_whole_numbers_stay_exact_and_words_stay_words(tmp_path: Path) -> None:
    rows = "GM-01.volume,2026-03-01 08:00,123456789012345678901\nGM-01.state,2026-03-01 08:00,running\n"
    values = [sample.value for sample in sheet_of(tmp_path, HEADER + rows).samples]
    assert values == [123456789012345678901, "running"]


@pytest.mark.parametrize(("word", "quality"), [("good", 192), ("Uncertain", 64), ("bad", 0), ("64", 64), ("", 192)])
def test_a_quality_may_be_said(tmp_path: Path, word: str, quality: int) -> None:
    sheet = sheet_of(tmp_path, f"point,time,value,quality\nGM-01.volume,2026-03-01 08:00,1,{word}\n")
    assert [sample.quality for sample in sheet.samples] == [quality]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("GM-01.volume,2026-03-01 08:00,lots", 'value "lots" is not a number'),
        ("GM-01.state,2026-03-01 08:00,closd", 'value "closd" is no number and no state of the point; did you mean closed?'),
        ("GM-01.volum,2026-03-01 08:00,1", 'point "GM-01.volum" is not known; did you mean GM-01.volume?'),
        ("GM-01.volume,01.03.2026 08:00,1", 'time "01.03.2026 08:00" is not understood: write it as 2026-03-01 08:00'),
        ("GM-01.volume,2026-03-01,1", 'time "2026-03-01" has no time of day: write it as 2026-03-01 08:00'),
        ("GM-01.volume,2027-03-01 08:00,1", 'time "2027-03-01 08:00" lies in the future: correct it'),
        ("GM-01.volume,1999-03-01 08:00,1", 'time "1999-03-01 08:00" lies before the year 2000: correct it'),
        (
            "GM-01.volume,2026-03-01 08:00,12O4",
            'value "12O4" is not a number: write digits and a point for decimals, nothing else',
        ),
        ("GM-01.volume,2026-03-01 08:00,", "value is empty: leave the line out where nothing was read"),
        (
            'GM-01.volume,2026-03-01 08:00,"1,5"',
            'value "1,5" is not a number: write digits and a point for decimals, nothing else',
        ),
        (
            "GM-01.volume,2026-03-01 08:00,1,5",
            "has 4 columns where the first line has 3: put a value with a comma in quotes, or separate by semicolons",
        ),
        ("GM-01.volume,2026-03-01 08:00", "has 2 columns where the first line has 3: fill them in"),
        (
            "GM-01.volume,2026-03-29 02:30,1",
            'time "2026-03-29 02:30" does not exist in Europe/Berlin: the clocks were put forward over it',
        ),
        (
            "GM-01.volume,2026-10-25 02:30,1",
            'time "2026-10-25 02:30" occurs twice in Europe/Berlin: add its offset, as 2026-10-25 02:30+02:00',
        ),
        ("GM-01.volume,0001-01-01T00:00+14:00,1", 'time "0001-01-01T00:00+14:00" is beyond all calendars: correct it'),
    ],
)
def test_a_line_that_cannot_be_taken_is_refused_with_its_place_and_a_remedy(tmp_path: Path, row: str, words: str) -> None:
    sheet = sheet_of(tmp_path, f"{HEADER}GM-01.volume,2026-01-01 08:00,1\n{row}\nGM-01.volume,2026-01-02 08:00,2\n")
    assert [str(problem) for problem in sheet.problems] == [f"{tmp_path}/readings.csv:3: {words}"]
    assert len(sheet.samples) == 2


def test_a_time_that_occurs_twice_is_taken_with_its_offset(tmp_path: Path) -> None:
    rows = "GM-01.volume,2026-10-25 02:30+02:00,1\nGM-01.volume,2026-10-25 02:30+01:00,2\nWM-09.volume,2026-10-25 02:30,3\n"
    sheet = sheet_of(tmp_path, HEADER + rows)
    assert sheet.problems == ()
    assert [sample.time for sample in sheet.samples] == [
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=2))),
        datetime(2026, 10, 25, 2, 30, tzinfo=timezone(timedelta(hours=1))),
        datetime(2026, 10, 25, 2, 30, tzinfo=UTC),
    ]


def test_the_same_point_and_time_twice_is_refused(tmp_path: Path) -> None:
    rows = "GM-01.volume,2026-03-01 08:00,1\nGM-01.volume,2026-03-01T07:00Z,2\n"
    (problem,) = sheet_of(tmp_path, HEADER + rows).problems
    assert (problem.line, problem.message) == (
        3,
        "GM-01.volume has a reading at this time already in line 2: remove one of them",
    )


@pytest.mark.parametrize(
    ("content", "line", "words"),
    [
        ("", 1, "missing: point, time, value"),
        ("point,time\n", 1, "missing: value"),
        ("point,time,vlaue\n", 1, 'column "vlaue" is not known; did you mean value?'),
        ("point,time,value,value\n", 1, 'column "value" stands twice'),
        (HEADER + 'GM-01.volume,2026-03-01 08:00,"1\n', 2, "is not CSV here"),
        (b"point,time,value\nGM-01.volume,2026-03-01 08:00,1\nGM-\xff\n", 3, "is not UTF-8 text: save it as CSV UTF-8"),
    ],
    ids=["empty", "column missing", "column unknown", "column twice", "open quote", "not UTF-8"],
)
def test_a_file_that_cannot_be_read_gives_nothing(tmp_path: Path, content: str | bytes, line: int, words: str) -> None:
    sheet = sheet_of(tmp_path, content)
    assert sheet.samples == ()
    assert any(problem.line == line and words in problem.message for problem in sheet.problems)


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    (problem,) = read_sheet(tmp_path / "none.csv", KNOWN, NOW).problems
    assert str(problem) == f"{tmp_path}/none.csv: cannot be read: No such file or directory"
