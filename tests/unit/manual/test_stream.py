"""Files of any size, portion by portion: rows as in a sheet, wrong ones told with their line, and places to go on from."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ems_telemetry.connectors.manual import stream, table
from ems_telemetry.connectors.manual.row import KnownPoint, RowReader
from ems_telemetry.connectors.manual.stream import CsvFile, NdjsonFile, Place, RowFile
from ems_telemetry.connectors.manual.table import ParquetFile
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.model import Flag, Sample

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
KNOWN = {"GM-01.volume": KnownPoint(ZoneInfo("Europe/Berlin")), "M-1.state": KnownPoint(ZoneInfo("UTC"), ("on", "off"))}
EIGHT = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)
Write = Callable[[str], Path]
Kind = Callable[[Path], RowFile]


def make_reader(*, decimal_comma: bool) -> RowReader:
    return RowReader(KNOWN, NOW, Flag.BACKFILLED, decimal_comma=decimal_comma)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def writing(text: str) -> Path:
        (tmp_path / "file").write_bytes(text.encode())
        return tmp_path / "file"

    return writing


def read(file: RowFile) -> tuple[list[Sample], list[tuple[int | None, str]]]:
    samples: list[Sample] = []
    problems = []
    for portion in file.portions(file.begin()):
        samples += portion.samples
        problems += [(problem.line, problem.message) for problem in portion.problems]
    return samples, problems


def plain(samples: list[Sample]) -> list[tuple[str, datetime | None, object, int]]:
    assert all(sample.flags == Flag.BACKFILLED for sample in samples)
    return [(sample.point, sample.time, sample.value, int(sample.quality)) for sample in samples]


def test_csv_is_read_as_a_sheet_is(write: Write) -> None:
    text = (
        "\ufeffTime,point,value,quality\r\n2026-03-01 09:00,GM-01.volume,1.5,\r\n\r\n2026-03-01T08:00:00Z,M-1.state,on,64\r\n"
    )
    samples, problems = read(CsvFile(write(text), make_reader))
    assert (plain(samples), problems) == ([("GM-01.volume", EIGHT, 1.5, 192), ("M-1.state", EIGHT, "on", 64)], [])


def test_csv_with_semicolons_may_have_decimal_commas(write: Write) -> None:
    samples, _ = read(CsvFile(write("point;time;value\nGM-01.volume;2026-03-01T08:00:00Z;1,5\n"), make_reader))
    assert plain(samples) == [("GM-01.volume", EIGHT, 1.5, 192)]


def test_wrong_rows_of_csv_are_told_with_their_line_and_the_others_are_taken(write: Write) -> None:
    good = "GM-01.volume,2026-03-01T08:00:00Z,1\n"
    wrong = (
        'GM-01.volum,2026-03-01T08:00:00Z,1\nGM-01.volume,yesterday,1\n"GM-01.volume,2026-03-01T08:00:00Z,1\nGM-01.volume,1\n'
    )
    samples, problems = read(CsvFile(write("point,time,value\n" + good + wrong + good), make_reader))
    assert len(samples) == 2
    assert [line for line, _ in problems] == [3, 4, 5, 6]
    assert "did you mean GM-01.volume?" in problems[0][1]
    assert "is not CSV here" in problems[2][1]


def test_ndjson_knows_numbers_and_texts(write: Write) -> None:
    lines = (
        '{"point": "GM-01.volume", "time": "2026-03-01T08:00:00Z", "value": 18014398509481985}\n'
        '{"point": "GM-01.volume", "time": "2026-03-01 09:00", "value": "1.5", "quality": "uncertain"}\n'
        "\n[]\n"
        '{"point": "GM-01.volume", "time": "2026-03-01T08:00:00Z", "value": null}\n'
        '{"point": "GM-01.volume", "time": "2026-03-01T08:00:00Z"}\n'
    )
    samples, problems = read(NdjsonFile(write(lines), make_reader))
    assert plain(samples) == [("GM-01.volume", EIGHT, 18014398509481985, 192), ("GM-01.volume", EIGHT, 1.5, 64)]
    assert [line for line, _ in problems] == [4, 5, 6]
    assert "value is empty" in problems[1][1]
    assert "missing: value" in problems[2][1]


@pytest.mark.parametrize(
    ("kind", "text", "said"),
    [
        (CsvFile, "point,tme,value\n", "did you mean time?"),
        (CsvFile, "", "must name the columns"),
        (CsvFile, "p\x00o\x00i\x00", "is not known"),
        (NdjsonFile, '{"point": "GM-01.volume", "ts": 1, "value": 1}\n', '"ts" is not known'),
        (NdjsonFile, "point,time,value\n", "is not a JSON object"),
    ],
)
def test_a_file_whose_columns_are_wrong_is_refused_as_a_whole(
    write: Write, kind: Callable[..., RowFile], text: str, said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said.replace("?", r"\?")):
        kind(write(text), make_reader).begin()


@pytest.mark.parametrize("kind", [CsvFile, NdjsonFile, ParquetFile])
def test_a_file_that_is_not_there_is_told(tmp_path: Path, kind: Callable[..., RowFile]) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        kind(tmp_path / "none", make_reader)


def test_a_line_without_end_is_one_wrong_row_and_is_not_held(write: Write) -> None:
    text = "point,time,value\n" + "x" * (3 * stream.LONGEST_LINE) + "\nGM-01.volume,2026-03-01T08:00:00Z,1\n"
    samples, problems = read(CsvFile(write(text), make_reader))
    assert (len(samples), [line for line, _ in problems]) == (1, [2])
    assert all(len(message) < 1000 for _, message in problems)


def rows(count: int) -> Mapping[str, list[object]]:
    return {
        "point": ["GM-01.volume"] * count,
        "time": [f"2026-02-01T08:{number // 60:02}:{number % 60:02}Z" for number in range(count)],
        "value": list(range(count)),
    }


def as_csv(folder: Path, count: int) -> RowFile:
    columns = rows(count)
    lines = [",".join(map(str, row)) for row in zip(*columns.values(), strict=True)]
    (folder / "rows.csv").write_text("point,time,value\n" + "\n".join(lines) + "\n")
    return CsvFile(folder / "rows.csv", make_reader)


def as_parquet(folder: Path, count: int) -> RowFile:
    pq.write_table(pa.table(rows(count)), folder / "rows.parquet", row_group_size=7)
    return ParquetFile(folder / "rows.parquet", make_reader)


@pytest.mark.parametrize("make", [as_csv, as_parquet])
@pytest.mark.parametrize("stop_after", [1, 2, 5])
def test_a_reading_that_was_broken_off_goes_on_at_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path, int], RowFile], stop_after: int
) -> None:
    for module in (stream, table):
        monkeypatch.setattr(module, "ROWS", 5)
    file = make(tmp_path, 52)
    whole, _ = read(file)
    assert [sample.value for sample in whole] == list(range(52))
    portions = file.portions(file.begin())
    first = [next(portions) for _ in range(stop_after)]
    rest = [sample for portion in file.portions(first[-1].next) for sample in portion.samples]
    assert [*(sample for portion in first for sample in portion.samples), *rest] == whole
    assert list(file.portions(Place(file.size, 99))) == []


def test_parquet_keeps_types_and_zones(tmp_path: Path) -> None:
    local = pa.array([datetime(2026, 3, 1, 9, 0), datetime(2026, 3, 29, 2, 30)], pa.timestamp("ns"))  # noqa: DTZ001
    columns = {"point": ["GM-01.volume"] * 2, "time": local, "value": pa.array([Decimal(7), Decimal("1.5")])}
    pq.write_table(pa.table(columns), tmp_path / "local.parquet")
    samples, problems = read(ParquetFile(tmp_path / "local.parquet", make_reader))
    assert plain(samples) == [("GM-01.volume", EIGHT, 7, 192)]
    assert [(line, "does not exist in Europe/Berlin" in words) for line, words in problems] == [(2, True)]
    aware = {"point": ["M-1.state"], "time": pa.array([EIGHT], pa.timestamp("ms", "Europe/Berlin")), "value": ["on"]}
    pq.write_table(pa.table(aware), tmp_path / "aware.parquet")
    assert plain(read(ParquetFile(tmp_path / "aware.parquet", make_reader))[0]) == [("M-1.state", EIGHT, "on", 192)]


def test_a_file_that_is_no_parquet_or_has_other_columns_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.parquet").write_text("point,time,value")
    with pytest.raises(ConfigurationError, match="cannot be read as Parquet"):
        ParquetFile(tmp_path / "no.parquet", make_reader)
    pq.write_table(pa.table({"point": ["GM-01.volume"], "ts": [1], "value": [1]}), tmp_path / "other.parquet")
    with pytest.raises(ConfigurationError, match='column "ts" is not known'):
        ParquetFile(tmp_path / "other.parquet", make_reader).begin()


def test_without_the_extra_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(ConfigurationError, match=r'pip install "ems-telemetry\[parquet\]"'):
        ParquetFile(tmp_path / "any.parquet", make_reader)
