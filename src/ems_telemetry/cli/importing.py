"""`import`: readings of hand-read meters from a CSV file, through the same spool and writer as everything else."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.output import ConfigOption, JsonOption, load_configuration, print_json, say
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.service.feeding import Fed
from ems_telemetry.service.importing import import_sheet
from ems_telemetry.service.running_import import BroughtBy

AuthorOption: TypeAlias = Annotated[str | None, typer.Option(help="Who says so, for the audit trail; you, if not said.")]
ReasonOption: TypeAlias = Annotated[str | None, typer.Option(help="Why, for the audit trail.")]


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(help="Columns point,time,value and, if you like, quality.")],
    author: AuthorOption = None,
    reason: ReasonOption = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Import readings of hand-read meters from a CSV file. Importing a file twice changes nothing.

    Nothing of a file with a mistake in it is imported; every mistake is told with its line.
    """
    configuration = load_configuration(config)
    imported = asyncio.run(import_sheet(configuration, file, datetime.now(UTC), BroughtBy(command_actor(), author, reason)))
    if as_json:
        print_json({"readings": imported.readings, **imported.fed._asdict()})
    else:
        say(in_words(imported.readings, imported.fed))


def in_words(readings: int, fed: Fed) -> str:
    """Says what became of readings that a command brought."""
    if fed.stored:
        aside = f", {fed.dead_letters} set aside as dead letters" if fed.dead_letters else ""
        return f"{readings} readings: {fed.inserted} new, {fed.duplicates} known already{aside}"
    safe = f"{readings} readings are safe in the spool"
    if fed.handed_to:
        return f"{safe}; the running service (process {fed.handed_to}) stores them"
    if fed.paused:
        return f"{safe}; writing is paused, and `ems-telemetry resume-writes` lets the next `run` store them"
    return f"{safe}; the database is away, and the next `run` stores them"
