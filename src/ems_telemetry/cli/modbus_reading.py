"""`modbus read`: registers of one unit as they come over the wire, and what they say."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from ems_telemetry.cli.modbus_decoding import parse_range, show_readings
from ems_telemetry.cli.modbus_target import EndpointArgument, Target, find_target
from ems_telemetry.cli.output import EXIT_FAILED, ConfigOption, JsonOption, complain, print_json, say
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.modbus.decode import decode
from ems_telemetry.connectors.modbus.registers import Addressing, Order, Spelling, Table, ValueType, wire_address
from ems_telemetry.errors import ConfigurationError, EmsTelemetryError, Problem

DEFAULT_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """What is to be read: `count` registers or bits from the wire address `address` on, and what they are said to spell."""

    text: str
    table: Table
    address: int
    count: int
    spelling: Spelling | None


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("read")(read)


def read(  # noqa: PLR0913, PLR0917 - one parameter per option
    endpoint: EndpointArgument,
    places: Annotated[
        list[str],
        typer.Argument(
            metavar="PLACE...", help="As holding:40, input:52-55, holding:40:float32, holding:40:uint64:CDAB, coil:3."
        ),
    ],
    unit: Annotated[int, typer.Option("--unit", min=0, max=255, help="The unit's id.")] = 1,
    addressing: Annotated[
        Addressing, typer.Option("--addressing", help="How the addresses are counted.")
    ] = Addressing.ZERO_BASED,
    expect: Annotated[str | None, typer.Option("--expect", metavar="LOW..HIGH", help="Show only what fits.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=0.01, help="Seconds a reply may take.")] = DEFAULT_TIMEOUT_S,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Read registers of a unit once: their bits, and what they say in the type given, or in every likely one."""
    target = find_target(endpoint, config)
    try:
        wanted = [parse_place(place, addressing) for place in places]
        low, high = (None, None) if expect is None else parse_range(expect)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error
    answers = asyncio.run(_read(target, unit, wanted, timeout))
    if as_json:
        print_json([_as_object(place, answer) for place, answer in zip(wanted, answers, strict=True)])
    else:
        for place, answer in zip(wanted, answers, strict=True):
            _show(place, answer, low, high)
    if any(isinstance(answer, EmsTelemetryError) for answer in answers):
        raise typer.Exit(EXIT_FAILED)


async def _read(target: Target, unit: int, places: Sequence[Place], timeout_s: float) -> list[bytes | EmsTelemetryError]:
    from ems_telemetry.connectors.modbus.visiting import read_once, visiting  # noqa: PLC0415 - loads pymodbus

    async with visiting(target.file) as line:
        return [await read_once(line, unit, place.table, place.address, place.count, timeout_s) for place in places]


def _show(place: Place, answer: bytes | EmsTelemetryError, low: float | None, high: float | None) -> None:
    where = f"{place.table} {place.address}" + (f" to {place.address + place.count - 1}" if place.count > 1 else "")
    if isinstance(answer, EmsTelemetryError):
        complain(f"{where}: {answer}")
        return
    if place.table.holds_bits:
        say(f"{where}: {' '.join(str(int(bit)) for bit in _bits(answer, place.count))}")
        return
    registers = [answer[start : start + 2] for start in range(0, len(answer), 2)]
    say(f"{where}: {answer.hex(' ', 2)} ({' '.join(str(int.from_bytes(register)) for register in registers)})")
    if place.spelling is not None:
        say(f"  {place.spelling.type} {place.spelling.order}: {_value(answer, place.spelling)}")
    else:
        show_readings(answer, low, high, every=False, as_json=False)


def _as_object(place: Place, answer: bytes | EmsTelemetryError) -> dict[str, object]:
    told: dict[str, object] = {"place": place.text, "register": str(place.table), "wire_address": place.address}
    if isinstance(answer, EmsTelemetryError):
        return {**told, "problem": str(answer)}
    if place.table.holds_bits:
        return {**told, "bits": _bits(answer, place.count)}
    value = None if place.spelling is None else _value(answer, place.spelling)
    return {**told, "registers": [int.from_bytes(answer[at : at + 2]) for at in range(0, len(answer), 2)], "value": value}


def _value(data: bytes, spelling: Spelling) -> object:
    value = decode(data, spelling)
    return value if isinstance(value, int | float | str) else None


def _bits(data: bytes, count: int) -> list[bool]:
    return [bool(data[place // 8] >> place % 8 & 1) for place in range(count)]


def parse_place(text: str, addressing: Addressing) -> Place:
    """Reads `holding:40`, `holding:40-43`, `holding:40:float32:CDAB`.

    Raises:
        ValueError: in words for the person who wrote it.
    """
    table_name, _, rest = text.partition(":")
    if table_name not in list(Table):
        raise ValueError(f"{text}: {not_known('register', table_name, list(Table))}")
    table = Table(table_name)
    span, *spelled = rest.split(":")
    first, _, last = span.partition("-")
    if not first.isdecimal() or (last and not last.isdecimal()):
        raise ValueError(f'"{text}" is no place; write it as {table}:40, {table}:40-43 or {table}:40:float32')
    spelling = _spelling(text, spelled) if spelled else None
    address = wire_address(int(first), table, addressing)
    count = int(last) - int(first) + 1 if last else 1 if spelling is None else spelling.registers
    if count < 1:
        raise ValueError(f'"{text}" ends before it begins')
    return Place(text, table, address, count, spelling)


def _spelling(text: str, words: Sequence[str]) -> Spelling:
    type_name, order_name = (*words, Order.ABCD)[:2] if len(words) == 1 else (words[0], words[1])
    types = [type_ for type_ in ValueType if type_.code and type_ is not ValueType.BOOL]
    if type_name not in types:
        raise ValueError(f"{text}: {not_known('type', type_name, types)}")
    if order_name not in list(Order):
        raise ValueError(f"{text}: {not_known('order', order_name, list(Order))}")
    return Spelling(ValueType(type_name), Order(order_name))
