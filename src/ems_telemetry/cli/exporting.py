"""`export`: records as a file for other software."""

from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.database import ask_database
from ems_telemetry.cli.output import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    complain,
    load_configuration,
    print_json,
    refuse,
    say,
)
from ems_telemetry.cli.times import read_time
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.records.exporting.reading import ExportAsked, read_export
from ems_telemetry.records.exporting.tables import Export
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.registers.exports import ExportProfile
from ems_telemetry.storage.database import Database


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("export")(export)


def export(  # noqa: PLR0913, PLR0917  # a verb has as many parameters as options
    profile: Annotated[ExportProfile, typer.Option(help="For whom.")],
    site: Annotated[str, typer.Option(help="Records of this site.")],
    from_: Annotated[str, typer.Option("--from", help="Periods that begin from then on, as 2026-03-01T00:00:00+01:00.")],
    to: Annotated[str, typer.Option(help="Periods that begin before.")],
    out: Annotated[Path, typer.Option(help="The file; it is written over.")],
    type_: Annotated[RecordType | None, typer.Option("--type", help="Only those of this type.")] = None,
    as_of: Annotated[str | None, typer.Option(help="As it was known then.")] = None,
    account_style: Annotated[int | None, typer.Option(help="Of envizi: only accounts of this style.")] = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Write records as a file for other software; what has no value is left out and told, never written as zero."""
    since, until = read_time("--from", from_), read_time("--to", to)
    if since >= until:
        refuse("--from is not before --to; nothing lies between them")
    if account_style is not None and profile is not ExportProfile.ENVIZI:
        refuse("--account-style is for the profile envizi")
    known = None if as_of is None else read_time("--as-of", as_of)
    asked = ExportAsked(profile, site, since, until, type_, known, account_style)

    async def read(database: Database) -> Export:
        async with database.connection() as connection:
            return await read_export(connection, asked)

    made = ask_database(load_configuration(config), read)
    try:
        out.write_text(made.text(), encoding="utf-8", newline="")
    except OSError as error:
        refuse(f"{out} cannot be written: {error.strerror}")
    if as_json:
        omitted = {str(reason): number for reason, number in made.omitted.items()}
        print_json({"file": out, "records": len(made.rows), "omitted": omitted})
    else:
        say(f"{len(made.rows)} records written to {out}; left out: {made.omissions()}")
    if not made.rows:
        complain("no record of this site and span is in the file")
        raise typer.Exit(EXIT_FAILED)
