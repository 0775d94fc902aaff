"""`meters events`: what happened to meters, declared, listed and declared void."""

import getpass
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Annotated
from uuid import UUID, uuid4

import typer

from ems_telemetry.api.times import parse_time
from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import ask_database, change_database
from ems_telemetry.cli.output import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    complain,
    load_configuration,
    print_json,
    print_table,
    refuse,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.problems import not_known
from ems_telemetry.storage.catalogue import list_meter_ids
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.losses import TimePage
from ems_telemetry.storage.meter_events import (
    EventRow,
    NewEvent,
    RegisterRow,
    Voiding,
    add_event,
    find_event,
    list_events,
    list_registers,
    void_event,
)

COLUMNS = ("id", "meter", "type", "at", "author", "reason", "registers", "void")
NUMBERS = ("final", "initial", "multiplier")

meters = typer.Typer(help="See and declare what happened to meters.", no_args_is_help=True)
events = typer.Typer(help="Replacements, resets, rollovers and changes of ratio.", no_args_is_help=True)
meters.add_typer(events, name="events")


class EventType(StrEnum):
    """What happened."""

    REPLACEMENT = "replacement"
    RESET = "reset"
    ROLLOVER = "rollover"
    RATIO_CHANGE = "ratio_change"


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(meters, name="meters")


@events.command("list")
def list_(
    meter: Annotated[str | None, typer.Argument(metavar="[METER]", help="Only those of this meter.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """List events, newest first; also those that are void."""
    rows = ask_database(load_configuration(config), lambda database: list_events(database, meter, TimePage(limit)))
    if as_json:
        print_json([_as_object(row) for row in rows])
    else:
        print_table(COLUMNS, [_cells(row) for row in rows])


@events.command()
def add(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    meter: Annotated[str, typer.Argument(metavar="METER", help="The meter it happened to.")],
    type_: Annotated[EventType, typer.Option("--type", help="What happened.")],
    at: Annotated[str, typer.Option(help="When, as 2026-03-02T10:00:00Z.")],
    reason: Annotated[str, typer.Option(help="Why.")],
    author: Annotated[str | None, typer.Option(help="Who says so; you, if not said.")] = None,
    register: Annotated[
        list[str] | None,
        typer.Option(
            help="What of a register: POINT,final=12352.5,initial=3.2,multiplier=40; may be repeated. Else all counters."
        ),
    ] = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Declare what happened to a meter; a running service computes anew what it touches."""
    time = _past(at)
    said = [_register(meter, text) for text in register or ()]
    if type_ is EventType.RATIO_CHANGE and (not said or any(each.multiplier is None for each in said)):
        refuse("a change of ratio needs --register POINT,multiplier=…: what increments count from then on")

    async def adding(database: Database) -> EventRow:
        known = await list_registers(database, meter)
        if not known:
            refuse(f"{not_known('meter', meter, await list_meter_ids(database, None))}, or it has no counter")
        for each in said:
            if each.point not in known:
                refuse(not_known("counter", each.point, known))
        rows = sorted(said) or [RegisterRow(key, None, None, None) for key in known]
        new = NewEvent(uuid4(), meter, str(type_), time, author or getpass.getuser(), reason, rows)
        return (await add_event(database, new, by=command_actor()))[0]

    row = change_database(load_configuration(config), adding)
    if as_json:
        print_json(_as_object(row))
    else:
        say(f"added {row.id}: {row.type} of {row.meter} at {row.at:%Y-%m-%d %H:%M:%S}Z")


@events.command()
def void(
    id_: Annotated[UUID, typer.Argument(metavar="ID", help="The event, as `meters events list` shows it.")],
    reason: Annotated[str, typer.Option(help="Why it is void.")],
    author: Annotated[str | None, typer.Option(help="Who says so; you, if not said.")] = None,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Declare an event void; it stays in the list."""

    async def voiding(database: Database) -> tuple[EventRow, bool] | None:
        found = await find_event(database, None, id_)
        voiding = Voiding(author or getpass.getuser(), reason)
        return None if found is None else await void_event(database, found, voiding, by=command_actor())

    outcome = change_database(load_configuration(config), voiding)
    if outcome is None:
        complain(f'there is no event "{id_}"; see `ems-telemetry meters events list`')
        raise typer.Exit(EXIT_FAILED)
    row, held = outcome
    if not held:
        complain(f"{row.voided_by} declared it void already")
        raise typer.Exit(EXIT_FAILED)
    say(f"void: {row.type} of {row.meter} at {row.at:%Y-%m-%d %H:%M:%S}Z")


def _past(text: str) -> datetime:
    try:
        time = parse_time(text)
    except ValueError as error:
        refuse(f'--at: "{text}" {error}')
    if time > datetime.now(UTC):
        refuse(f"--at: {text} is in the future; declare what has happened")
    return time


def _register(meter: str, text: str) -> RegisterRow:
    point, *assignments = text.split(",")
    numbers: dict[str, Decimal] = {}
    for assignment in assignments:
        name, _, number = assignment.partition("=")
        if name not in NUMBERS:
            refuse(f'--register: "{name}" is not one of {", ".join(NUMBERS)}')
        try:
            numbers[name] = Decimal(number)
        except InvalidOperation:
            refuse(f'--register: {name}: "{number}" is not a number')
        if not numbers[name].is_finite() or (name == "multiplier" and numbers[name] <= 0):
            refuse(f'--register: {name}: "{number}" must be a finite number, and a multiplier above 0')
    key = point if point.startswith(f"{meter}.") else f"{meter}.{point}"
    return RegisterRow(key, *(numbers.get(name) for name in NUMBERS))


def _cells(row: EventRow) -> Sequence[object]:
    registers = "; ".join(_register_words(each) for each in row.registers)
    void_ = "" if row.voided_at is None else f"{row.voided_by}: {row.void_reason}"
    return (row.id, row.meter, row.type, f"{row.at:%Y-%m-%d %H:%M:%S}Z", row.author, row.reason, registers, void_)


def _register_words(register: RegisterRow) -> str:
    said = [f"{name} {getattr(register, name):f}" for name in NUMBERS if getattr(register, name) is not None]
    return " ".join([register.point, *said])


def _as_object(row: EventRow) -> dict[str, object]:
    return {**row._asdict(), "registers": [each._asdict() for each in row.registers]}
