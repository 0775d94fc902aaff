"""`modbus scan`: which units answer on a line, what they are, and a connector file made of it."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from ems_telemetry.cli.modbus_target import EndpointArgument, Target, find_target
from ems_telemetry.cli.modbus_writing import write_file
from ems_telemetry.cli.output import EXIT_FAILED, ConfigOption, JsonOption, complain, print_json, print_table, say
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.connectors.modbus.units import FoundUnit, units_of
from ems_telemetry.errors import ConfigurationError, Problem

COLUMNS = ("unit", "profile", "says")
DEFAULT_TIMEOUT_S = 0.3


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("scan")(scan)


def scan(  # noqa: PLR0913, PLR0917 - one parameter per option
    endpoint: EndpointArgument,
    units: Annotated[str, typer.Option("--units", metavar="IDS", help="Which ids are asked, as 1-247 or 1,2,10-20.")] = "1-247",
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.01, help="Seconds a unit may take to answer.")
    ] = DEFAULT_TIMEOUT_S,
    write: Annotated[Path | None, typer.Option("--write", metavar="FILE", help="Write a connector file.")] = None,
    site: Annotated[str | None, typer.Option("--site", metavar="ID", help="The site of that file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite FILE.")] = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Ask every unit id of a line, and find out what the units are that answer. Only reads."""
    target = find_target(endpoint, config)
    if write is not None and write.exists() and not force:
        raise ConfigurationError([Problem(write, None, "is there already; --force overwrites it")])
    try:
        ids = units_of(units)
    except ValueError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error
    found = asyncio.run(_scan(target, ids, timeout))
    if as_json:
        print_json([_as_object(one) for one in found])
    elif found:
        print_table(COLUMNS, [_row(one) for one in found])
        say(f"{len(found)} of {len(ids)} unit(s) answer")
    if not found:
        complain(f"none of {len(ids)} unit(s) answers at {target.file.where}; check wiring, baud rate and parity, or --timeout")
        raise typer.Exit(EXIT_FAILED)
    if write is not None:
        write_file(target, found, write, site, as_json=as_json)


async def _scan(target: Target, ids: Sequence[int], timeout_s: float) -> list[FoundUnit]:
    from ems_telemetry.connectors.modbus.recognition import recognisable  # noqa: PLC0415 - see below
    from ems_telemetry.connectors.modbus.scanning import scan as scan_line  # noqa: PLC0415 - loads pymodbus
    from ems_telemetry.connectors.modbus.visiting import visiting  # noqa: PLC0415 - see above

    found: list[FoundUnit] = []
    console = Console(file=sys.stderr)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("asking", total=len(ids))
        async with visiting(target.file) as line:
            proofs = recognisable(target.library)
            async for unit_id, unit in scan_line(line, ids, proofs, timeout_s):
                progress.update(task, advance=1, description=f"unit {unit_id}, {len(found)} found")
                if unit is not None:
                    found.append(unit)
    return found


def _row(unit: FoundUnit) -> tuple[object, ...]:
    said = ", ".join(f"{name} {text}" for name, text in unit.says.items())
    return unit.unit_id, _guess(unit), said or "nothing of itself"


def _guess(unit: FoundUnit) -> str:
    if unit.models:
        return f"SunSpec, models {', '.join(map(str, unit.models))}"
    return ", ".join(unit.profiles) if unit.proved else f"perhaps {' or '.join(unit.profiles)}" if unit.profiles else ""


def _as_object(unit: FoundUnit) -> dict[str, object]:
    told = {"unit": unit.unit_id, "says": unit.says, "sunspec_models": unit.models}
    return {**told, "profiles": unit.profiles, "proved": unit.proved}
