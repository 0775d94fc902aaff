"""Files of readings of any size, portion by portion: CSV and NDJSON here, Parquet in `table.py`. Never held as a whole.

Each line of a text file is one row, so that a quote in the wrong place costs one row and not the rest of the file.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol, TypeAlias

import msgspec

from ems_telemetry.connectors.manual.row import RefusedRowError, RowReader, wrong_columns, wrong_length
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Sample

ROWS = 5_000
"""A portion has so many rows at most."""
LONGEST_LINE = 64 * 1024
"""A longer line is no row."""
Cells: TypeAlias = Mapping[str, object]


class MakeReader(Protocol):
    """Makes what reads the rows of a file."""

    def __call__(self, *, decimal_comma: bool) -> RowReader:
        """Makes it; `decimal_comma`: the file's decimals may have a comma."""
        ...


class Place(NamedTuple):
    """Where to go on: bytes (rows for Parquet) from the beginning, and the number of the next line (row) for people, from 1."""

    offset: int = 0
    line: int = 1


@dataclass(slots=True)
class Portion:
    """Some rows: their samples, what is wrong with the others, and where the next portion begins."""

    next: Place
    rows: int = 0
    samples: list[Sample] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class RowFile(Protocol):
    """A file of rows. `begin` first; any number of `portions` after it."""

    size: int
    """In the unit of `Place.offset`."""

    def begin(self) -> Place:
        """Reads what is said of the columns, and tells where the rows begin.

        Raises:
            ConfigurationError: it cannot be read, or its columns are wrong: nothing of it should be taken.
        """
        ...

    def portions(self, place: Place) -> Iterator[Portion]:
        """Gives portion by portion from a place on; reads no further than it gives."""
        ...


class CsvFile:
    """Columns named in the first line; separated by commas, or by semicolons and then with a comma or a point in decimals."""

    def __init__(self, path: Path, make_reader: MakeReader) -> None:
        self._path = path
        self._make_reader = make_reader
        self._delimiter = ","
        self._columns: Sequence[str] = ()
        self.size = _size_of(path)

    def begin(self) -> Place:
        """Reads the first line; see `RowFile`."""
        with _open(self._path) as file:
            first = file.readline(LONGEST_LINE)
        try:
            text = first.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise _refused(self._path, 1, "is not UTF-8 text: save it as CSV UTF-8") from error
        self._delimiter = ";" if ";" in text else ","
        self._columns = [name.strip().lower() for name in _cells(text, self._delimiter)]
        if wrong := wrong_columns(self._columns):
            raise ConfigurationError([Problem(self._path, 1, words) for words in wrong])
        return Place(len(first), 2)

    def portions(self, place: Place) -> Iterator[Portion]:
        """Gives portion by portion; see `RowFile`."""
        reader = self._make_reader(decimal_comma=self._delimiter == ";")
        return _portions(self._path, place, reader, self._read)

    def _read(self, line: str) -> Cells | None:
        cells = [cell.strip() for cell in _cells(line, self._delimiter)]
        if not any(cells):
            return None
        if len(cells) != len(self._columns):
            raise RefusedRowError(wrong_length(len(cells), len(self._columns)))
        return dict(zip(self._columns, cells, strict=True))


class NdjsonFile:
    """One JSON object per line, its keys the columns; values may be numbers, and times are texts."""

    def __init__(self, path: Path, make_reader: MakeReader) -> None:
        self._path = path
        self._make_reader = make_reader
        self._decoder = msgspec.json.Decoder(dict[str, object])
        self.size = _size_of(path)

    def begin(self) -> Place:
        """Looks at the first line, which stands for all; see `RowFile`."""
        with _open(self._path) as file:
            first = file.readline(LONGEST_LINE)
        try:
            self._read(first.decode("utf-8", "replace"))
        except RefusedRowError as error:
            raise _refused(self._path, 1, str(error)) from error
        return Place(0, 1)

    def portions(self, place: Place) -> Iterator[Portion]:
        """Gives portion by portion; see `RowFile`."""
        return _portions(self._path, place, self._make_reader(decimal_comma=False), self._read)

    def _read(self, line: str) -> Cells | None:
        if not line.strip():
            return None
        try:
            cells = self._decoder.decode(line.lstrip("\ufeff"))
        except (msgspec.DecodeError, RecursionError) as error:
            raise RefusedRowError(f"is not a JSON object: {error}") from error
        if wrong := wrong_columns(cells):
            raise RefusedRowError("; ".join(wrong).replace("the first line must name the columns", "a row has the keys"))
        return cells


def _portions(path: Path, place: Place, reader: RowReader, read: Callable[[str], Cells | None]) -> Iterator[Portion]:
    offset, line = place
    with _open(path) as file:
        file.seek(offset)
        portion = Portion(place)
        while raw := file.readline(LONGEST_LINE):
            length = len(raw)
            try:
                if length == LONGEST_LINE:
                    length += _skip_line(file)
                cells = read(_text_of(raw))
                if cells is not None:
                    portion.rows += 1
                    portion.samples.append(reader.read(cells))
            except RefusedRowError as refused:
                portion.problems.append(Problem(path, line, str(refused)))
            offset, line = offset + length, line + 1
            portion.next = Place(offset, line)
            if len(portion.samples) + len(portion.problems) >= ROWS:
                yield portion
                portion = Portion(portion.next)
        if portion.next != place:
            yield portion


def _skip_line(file: BinaryIO) -> int:
    """Passes over the rest of a line that is too long, and tells how much that was."""
    skipped = 0
    while more := file.readline(LONGEST_LINE):
        skipped += len(more)
        if more.endswith(b"\n"):
            break
    return skipped


def _text_of(raw: bytes) -> str:
    if len(raw) == LONGEST_LINE:
        raise RefusedRowError(f"has {LONGEST_LINE} bytes or more: that is no row")
    return raw.decode("utf-8", "replace")


def _cells(line: str, delimiter: str) -> list[str]:
    text = line.rstrip("\r\n")
    if '"' not in text:
        return text.split(delimiter)
    try:
        return next(csv.reader([text], delimiter=delimiter, strict=True), [])
    except csv.Error as error:
        raise RefusedRowError(f"is not CSV here: {error}") from error


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise _refused(path, None, f"cannot be read: {error.strerror}") from error


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise _refused(path, None, f"cannot be read: {error.strerror}") from error


def _refused(path: Path, line: int | None, words: str) -> ConfigurationError:
    return ConfigurationError([Problem(path, line, words)])
