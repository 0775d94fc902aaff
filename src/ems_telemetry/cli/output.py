"""What all verbs print alike: tables for people, JSON for scripts, complaints on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeAlias

import typer

from ems_telemetry.config.load import DEFAULT_PATH, Configuration, load
from ems_telemetry.connectors.contract import find_file_models

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2

ConfigOption: TypeAlias = Annotated[
    Path, typer.Option("--config", envvar="EMS_TELEMETRY_CONFIG", help="The service file.", show_default=str(DEFAULT_PATH))
]
JsonOption: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def load_configuration(path: Path) -> Configuration:
    """Reads and checks the whole configuration with the connectors installed here."""
    return load(path, find_file_models())


def complain(message: str) -> None:
    """Prints a message to standard error, as it is."""
    print(message, file=sys.stderr)  # noqa: T201 - the command line is where the product speaks


def refuse(message: str) -> NoReturn:
    """Ends the command because of what it was told, with what is wrong and how it would be right.

    Raises:
        typer.Exit: with the code of wrong usage.
    """
    complain(message)
    raise typer.Exit(EXIT_CONFIGURATION)


def say(message: str) -> None:
    """Prints a message to standard output, as it is."""
    print(message, flush=True)  # noqa: T201 - see complain


def print_json(data: object) -> None:
    """Prints data as JSON; times as RFC 3339."""
    say(json.dumps(data, indent=2, default=_as_json, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints rows as an aligned table; as wide as it needs to be where nobody reads on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - few verbs print one
    from rich.table import Table  # noqa: PLC0415

    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 240)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def as_objects(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> list[Mapping[str, object]]:
    """Gives rows as objects, for JSON."""
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _as_json(value: Any) -> Any:  # noqa: ANN401 - whatever json does not know
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else str(value)
