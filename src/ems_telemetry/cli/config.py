"""`config`: the configurations that the service ran, as the database keeps them."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ems_telemetry.cli.output import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    as_objects,
    complain,
    print_json,
    print_table,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.service.access import reach_database
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.revisions import ConfigFileRow, ConfigRevisionRow, find_config_revision, list_config_revisions

COLUMNS = ("revision", "accepted_at", "in_force_until", "files", "hash")
SHORT_HASH = 12

ResultT = TypeVar("ResultT")
Found = tuple[ConfigRevisionRow, list[ConfigFileRow]]

configurations = typer.Typer(help="Show the configurations that the service ran, secrets masked.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(configurations, name="config")


@configurations.command()
def history(
    limit: Annotated[int, typer.Option(min=1, help="How many, from the newest.")] = 20,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """List the configurations that were accepted, newest first."""
    found = _run(config, lambda database: list_config_revisions(database, limit=limit))
    rows = [(row.id, row.accepted_at, row.in_force_until, row.files, row.hash) for row in found]
    if as_json:
        print_json(as_objects(COLUMNS, rows))
    else:
        print_table([column.replace("_", " ") for column in COLUMNS], [(*row[:-1], row[-1][:SHORT_HASH]) for row in rows])


@configurations.command()
def show(
    revision: Annotated[int | None, typer.Argument(help="Its number; the newest if not said.")] = None,
    file: Annotated[str | None, typer.Option(help="Only this file, by the name `config show` gives it.")] = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Print what stood in the files of a configuration."""
    found = _run(config, lambda database: _find(database, revision))
    files = [one for one in (found[1] if found else ()) if file in {None, one.name}]
    if found is None or not files:
        complain("there is no such configuration, or no such file in it; see `ems-telemetry config history`")
        raise typer.Exit(EXIT_FAILED)
    if as_json:
        print_json({**found[0]._asdict(), "files": [one._asdict() for one in files]})
        return
    for one in files:
        say(one.text if file else f"# {one.name}\n{one.text}")


async def _find(database: Database, revision: int | None) -> Found | None:
    if revision is None:
        newest = await list_config_revisions(database, limit=1)
        revision = newest[0].id if newest else 0
    return await find_config_revision(database, revision)


def _run(config: Path, ask: Callable[[Database], Awaitable[ResultT]]) -> ResultT:
    async def asking() -> ResultT:
        async with reach_database(load_settings(config).database) as database:
            await database.check()
            return await ask(database)

    return asyncio.run(asking())
