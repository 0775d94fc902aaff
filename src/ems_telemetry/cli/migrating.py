"""`migrate`: the schema alone."""

import asyncio

import typer

from ems_telemetry.cli.output import ConfigOption, JsonOption, load_configuration, print_json, say
from ems_telemetry.config.load import DEFAULT_PATH, Configuration
from ems_telemetry.service.access import reach_database
from ems_telemetry.storage.migrations import migrate as apply_migrations
from ems_telemetry.storage.migrations import schema_state


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("migrate")(migrate)


def migrate(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Bring the database's schema up to date. Safe to run twice, and on many machines at once."""
    applied, version = asyncio.run(_migrate(load_configuration(config)))
    if as_json:
        print_json({"applied": applied, "version": version})
        return
    for file in applied:
        say(f"applied {file}")
    say(f"the schema is at version {version}" + ("" if applied else "; there was nothing to do"))


async def _migrate(configuration: Configuration) -> tuple[list[str], int]:
    async with reach_database(configuration.settings.database) as database:
        applied = await apply_migrations(database)
        return applied, (await schema_state(database)).current
