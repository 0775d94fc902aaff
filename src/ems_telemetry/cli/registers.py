"""`register import` and `factors import`: facts from files into the registers, stated by whoever runs the command."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import change_database
from ems_telemetry.cli.factor_file import read_factors
from ems_telemetry.cli.output import (
    EXIT_CONFIGURATION,
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    complain,
    load_configuration,
    print_json,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.problems import not_known
from ems_telemetry.records.registering.importing import Imported, Wanted, import_sheet
from ems_telemetry.records.registering.sheets import read_sheet
from ems_telemetry.records.registering.statements import Sheet
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.shipped import shipped
from ems_telemetry.storage.database import Database

register = typer.Typer(help="State facts from files.", no_args_is_help=True)
factors = typer.Typer(help="Emission factors and global warming potentials.", no_args_is_help=True)
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only look for mistakes, and store nothing.")]
Partial = Annotated[bool, typer.Option("--partial", help="Store what is right beside what is not.")]


def add_to(app: typer.Typer) -> None:
    """Adds both groups of verbs."""
    app.add_typer(register, name="register")
    app.add_typer(factors, name="factors")


@register.command("import")
def import_register(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    file: Annotated[Path, typer.Argument(help="CSV: id,site,valid_from,valid_to,reason and the fields by dotted names.")],
    kind: Annotated[str, typer.Option(help="What its lines are, as sample or waste_movement.")],
    reason: Annotated[str | None, typer.Option(help="Why, of lines that say none.")] = None,
    dry_run: DryRun = False,
    partial: Partial = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Import facts from a CSV file. Importing a file twice changes nothing."""
    kinds = [name for name, known in REGISTERS.items() if not known.has_secret]
    if kind not in kinds:
        complain(f"--kind: {not_known('register', kind, kinds)}")
        raise typer.Exit(EXIT_CONFIGURATION)
    sheet = read_sheet(REGISTERS[kind], _text(file), reason or f"imported from {file.name}")
    _import(sheet, file, Wanted(dry_run=dry_run, partial=partial), config, as_json=as_json)


@factors.command("import")
def import_factors(
    file: Annotated[
        Path | None, typer.Argument(help="YAML as config/factors.yaml, or CSV of factors; the shipped ones if not said.")
    ] = None,
    dry_run: DryRun = False,
    partial: Partial = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """State factors and potentials that are not there yet. They hold once somebody else has approved them."""
    path = file or shipped("config") / "factors.yaml"
    reason = f"imported from {path.name}" if file else "factors that travel with ems-telemetry"
    is_csv = path.suffix.lower() == ".csv"
    sheet = read_sheet(REGISTERS["factor"], _text(path), reason) if is_csv else read_factors(path, reason)
    _import(sheet, path, Wanted(dry_run=dry_run, partial=partial), config, as_json=as_json)


def _import(sheet: Sheet, file: Path, wanted: Wanted, config: Path, *, as_json: bool) -> None:
    async def importing(database: Database) -> Imported:
        async with database.connection() as connection:
            return await import_sheet(connection, command_actor(), sheet, wanted, datetime.now(UTC))

    outcome = change_database(load_configuration(config), importing)
    for mistake in outcome.mistakes:
        complain(f"{file}:{mistake.line}: {mistake}")
    if as_json:
        print_json(_as_object(outcome))
    else:
        say(in_words(outcome, wanted))
    if outcome.mistakes:
        raise typer.Exit(EXIT_FAILED)


def in_words(outcome: Imported, wanted: Wanted) -> str:
    """Says what became of a file."""
    counts = (
        f"{len(outcome.accepted)} new, {len(outcome.duplicates)} known already, {len(outcome.conflicts)} known otherwise, "
        f"{len(outcome.refused)} refused"
    )
    if wanted.dry_run:
        return f"{counts}; nothing was stored, as asked"
    if not outcome.stored:
        return f"{counts}; nothing was stored: mend the file, or say --partial"
    waiting = [each for each in outcome.accepted if each.register.needs_approval]
    return counts + ("; somebody else has to approve what is new" if waiting else "")


def _as_object(outcome: Imported) -> dict[str, object]:
    return {
        "stored": outcome.stored,
        "accepted": [{"kind": each.new.kind, "id": each.new.id} for each in outcome.accepted],
        "duplicates": [{"kind": each.new.kind, "id": each.new.id} for each in outcome.duplicates],
        "conflicts": [each._asdict() for each in outcome.conflicts],
        "refused": [each._asdict() for each in outcome.refused],
    }


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except OSError as error:
        complain(f"{file}: cannot be read: {error.strerror}")
    except UnicodeDecodeError as error:
        complain(f"{file}: is not UTF-8 text: {error.reason} at byte {error.start}")
    raise typer.Exit(EXIT_CONFIGURATION)
