"""Readings written down in a CSV file, as a spreadsheet saves it: samples, and every problem with its line and a remedy.

Columns `point`, `time`, `value` and, if wanted, `quality`, in any order. Nothing of a sheet with problems should be imported.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import StringIO
from pathlib import Path

from ems_telemetry.connectors.manual.row import KnownPoint, RefusedRowError, RowReader, wrong_columns, wrong_length
from ems_telemetry.errors import Problem
from ems_telemetry.model import Flag, Sample


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a file held. `problems` are in the order of their lines; `samples` are complete only where there are none."""

    samples: Sequence[Sample]
    problems: Sequence[Problem]


def read_sheet(path: Path, known_points: Mapping[str, KnownPoint], received_at: datetime) -> Sheet:
    """Reads a file of readings.

    Args:
        path: CSV in UTF-8, with a line of column names; separated by commas, or by semicolons and then with either a point
            or a comma in decimals.
        known_points: the points that may stand in it, by their keys, as `GM-01.volume`; times without a zone are local in
            theirs.
        received_at: the moment of the import, aware UTC; no reading may lie after it.

    Returns:
        Samples flagged `MANUAL`, and what is wrong. A file that cannot be opened is a problem too.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        return Sheet((), (Problem(path, None, f"cannot be read: {error.strerror}"),))
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return Sheet((), (Problem(path, line, "is not UTF-8 text: save it as CSV UTF-8"),))
    delimiter = ";" if ";" in text.partition("\n")[0] else ","
    reader = RowReader(known_points, received_at, Flag.MANUAL, decimal_comma=delimiter == ";")
    return _Reading(path, reader).read(text, delimiter)


class _Reading:
    """Reads one sheet, line by line."""

    def __init__(self, path: Path, reader: RowReader) -> None:
        self._path = path
        self._reader = reader
        self._seen: dict[tuple[str, datetime | None], int] = {}
        self._problems: list[Problem] = []

    def read(self, text: str, delimiter: str) -> Sheet:
        rows = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
        samples: list[Sample] = []
        try:
            columns = [name.strip().lower() for name in next(rows, [])]
            for problem in wrong_columns(columns):
                self._refuse(1, problem)
            if not self._problems:
                samples.extend(self._samples(rows, columns))
        except csv.Error as error:
            self._refuse(rows.line_num, f"is not CSV here: {error}")
        return Sheet(tuple(samples), tuple(self._problems))

    def _samples(self, rows: "Iterator[list[str]]", columns: Sequence[str]) -> Iterator[Sample]:
        line = 2
        for row in rows:
            try:
                if any(cell.strip() for cell in row):
                    yield self._sample(row, columns, line)
            except RefusedRowError as refused:
                self._refuse(line, str(refused))
            line = rows.line_num + 1  # type: ignore[attr-defined]  # the type of a csv reader has no public name

    def _sample(self, row: Sequence[str], columns: Sequence[str], line: int) -> Sample:
        if len(row) != len(columns):
            raise RefusedRowError(wrong_length(len(row), len(columns)))
        sample = self._reader.read({name: cell.strip() for name, cell in zip(columns, row, strict=True)})
        earlier = self._seen.setdefault((sample.point, sample.time), line)
        if earlier != line:
            raise RefusedRowError(f"{sample.point} has a reading at this time already in line {earlier}: remove one of them")
        return sample

    def _refuse(self, line: int, words: str) -> None:
        self._problems.append(Problem(self._path, line, words))
