"""`modbus decode`: what some registers may say, in every type and order, for who does not find these in a manual."""

from typing import Annotated

import typer

from ems_telemetry.cli.output import JsonOption, as_objects, print_json, print_table, say
from ems_telemetry.connectors.modbus.readings import Reading, every_reading, parse_registers, text_in
from ems_telemetry.errors import ConfigurationError, Problem

COLUMNS = ("register", "type", "order", "length", "value", "mark", "scale")
SHOWN_WHOLE = 4
"""So many registers are shown with all they may say; of more only what is likely."""


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("decode")(decode)


def decode(
    registers: Annotated[list[str], typer.Argument(metavar="HEX...", help="The registers, as 4348 0000 or 0x43480000.")],
    expect: Annotated[
        str | None, typer.Option("--expect", metavar="LOW..HIGH", help="What the value should be; shows only what fits.")
    ] = None,
    decimal: Annotated[bool, typer.Option("--decimal", help="The registers are decimal numbers, as 17224 0.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Show also what is unlikely.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what registers may say: every type and order, those that are likely marked."""
    try:
        data = parse_registers(registers, decimal=decimal)
        low, high = (None, None) if expect is None else parse_range(expect)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error
    show_readings(data, low, high, every=every or len(data) <= 2 * SHOWN_WHOLE, as_json=as_json)


def show_readings(data: bytes, low: float | None, high: float | None, *, every: bool, as_json: bool) -> None:
    """Prints what registers may say.

    Args:
        data: two bytes for each register.
        low: what the value should be at least; None if nothing is expected.
        high: what it should be at most.
        every: also what is unlikely, where nothing is expected.
        as_json: for scripts.
    """
    rows = [_row(reading, low, high) for reading in every_reading(data)]
    rows = [row for row in rows if (row[5] == "fits" if low is not None else every or row[5])]
    text = text_in(data)
    if as_json:
        print_json({"text": None if text is None else text[0], "readings": as_objects(COLUMNS, rows)})
        return
    if text is not None:
        say(f'as text, order {text[1]}: "{text[0]}"')
    if rows:
        print_table(COLUMNS, [(*row[:4], f"{row[4]:.10g}" if isinstance(row[4], float) else row[4], *row[5:]) for row in rows])
    else:
        say("nothing fits" if low is not None else "nothing is likely; --all shows everything")


def _row(reading: Reading, low: float | None, high: float | None) -> tuple[object, ...]:
    spelling = reading.spelling
    scale = None if low is None or high is None else reading.scale_for(low, high)
    mark = "fits" if scale is not None else "likely" if reading.likely and low is None else ""
    length = spelling.length or None
    return reading.at, str(spelling.type), str(spelling.order), length, reading.value, mark, scale


def parse_range(text: str) -> tuple[float, float]:
    """Reads `230..250`.

    Raises:
        ValueError: in words for the person who wrote it.
    """
    low, separator, high = text.partition("..")
    try:
        found = float(low), float(high)
    except ValueError:
        found = (1.0, 0.0)
    if not separator or not found[0] <= found[1]:
        raise ValueError(f'"{text}" is not a range; write it from low to high, as 230..250')
    return found
