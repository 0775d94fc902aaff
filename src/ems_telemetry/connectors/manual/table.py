"""Readings in a Parquet file, row group by row group. Needs pyarrow, the extra `parquet`: it is larger than all the rest."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ems_telemetry.connectors.manual.row import RefusedRowError, wrong_columns
from ems_telemetry.connectors.manual.stream import ROWS, MakeReader, Place, Portion
from ems_telemetry.errors import ConfigurationError, Problem


class ParquetFile:
    """Columns as in a CSV file, with types of their own: texts, numbers, timestamps. Offsets are rows; see `stream.RowFile`."""

    def __init__(self, path: Path, make_reader: MakeReader) -> None:
        self._path = path
        self._make_reader = make_reader
        self._arrow = _import_arrow(path)
        self._file = self._opened()
        self.size: int = self._file.metadata.num_rows

    def begin(self) -> Place:
        """Looks at the names of the columns; columns there are besides those needed are refused as in any file."""
        if wrong := wrong_columns(name.lower() for name in self._file.schema_arrow.names):
            raise ConfigurationError([Problem(self._path, None, words) for words in wrong])
        return Place(0, 1)

    def portions(self, place: Place) -> Iterator[Portion]:
        """Gives portion by portion; row groups before the place are not read again."""
        groups, skip = self._groups_from(place.offset)
        reader = self._make_reader(decimal_comma=False)
        offset = place.offset
        for batch in self._file.iter_batches(batch_size=ROWS, row_groups=groups):
            if skip >= batch.num_rows:
                skip -= batch.num_rows
                continue
            rows = self._rows(batch.slice(skip))
            skip = 0
            portion = Portion(Place(offset + len(rows), offset + len(rows) + 1), rows=len(rows))
            for number, cells in enumerate(rows, offset + 1):
                try:
                    portion.samples.append(reader.read(cells))
                except RefusedRowError as refused:
                    portion.problems.append(Problem(self._path, number, str(refused)))
            offset = portion.next.offset
            yield portion

    def _rows(self, batch: Any) -> list[dict[str, object]]:  # noqa: ANN401 - pyarrow has no types
        columns = {}
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            # Nanoseconds have no Python type; the table of readings keeps microseconds.
            is_time = self._arrow.types.is_timestamp(column.type)
            fitting = column.cast(self._arrow.timestamp("us", column.type.tz), safe=False) if is_time else column
            columns[name.lower()] = fitting.to_pylist()
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    def _groups_from(self, offset: int) -> tuple[list[int], int]:
        """Tells which row groups are left, and how many rows of the first of them are not wanted."""
        metadata, skipped = self._file.metadata, 0
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if skipped + rows > offset:
                return list(range(group, metadata.num_row_groups)), offset - skipped
            skipped += rows
        return [], 0

    def _opened(self) -> Any:  # noqa: ANN401 - pyarrow has no types
        try:
            return self._arrow.parquet.ParquetFile(self._path)
        except (OSError, self._arrow.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise ConfigurationError([Problem(self._path, None, f"cannot be read as Parquet: {reason}")]) from error


def _import_arrow(path: Path) -> Any:  # noqa: ANN401 - pyarrow has no types
    try:
        import pyarrow as pa  # noqa: PLC0415 - an extra
        import pyarrow.parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        words = 'Parquet needs the extra: pip install "ems-telemetry[parquet]"; or write the file as CSV or NDJSON'
        raise ConfigurationError([Problem(path, None, words)]) from error
    return pa
