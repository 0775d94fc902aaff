"""`keys`: makes, lists and revokes the keys of the REST API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import ask_database, change_database
from ems_telemetry.cli.output import (
    ConfigOption,
    JsonOption,
    as_objects,
    complain,
    load_configuration,
    print_json,
    print_table,
    refuse,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH, Configuration
from ems_telemetry.config.problems import not_known
from ems_telemetry.config.scalars import parse_duration_s
from ems_telemetry.storage.keys import create_key, list_keys, revoke_key

COLUMNS = ("id", "name", "scopes", "sites", "created", "expires", "revoked")

keys = typer.Typer(help="Make, list and revoke keys of the REST API.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(keys, name="keys")


@keys.command()
def create(
    name: Annotated[str, typer.Option(help="Who will use it, as people know them.")],
    scopes: Annotated[str, typer.Option(help="What it may do, separated by commas.")] = "read",
    sites: Annotated[str | None, typer.Option(help="Sites it may see, separated by commas; all if not said.")] = None,
    expires: Annotated[str | None, typer.Option(help="How long it is good for, as 90d; for ever if not said.")] = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Make a key and print it; it is shown this once and cannot be shown again."""
    configuration = load_configuration(config)
    allowed_sites = None if sites is None else _known_sites(configuration, sites)
    expires_at = None if expires is None else datetime.now(UTC) + timedelta(seconds=_duration(expires))
    wanted = [scope.strip() for scope in scopes.split(",")]
    issued = change_database(
        configuration,
        lambda database: create_key(database, name, wanted, allowed_sites, expires_at, by=command_actor()),
    )
    secret = issued.key.get_secret_value()
    if as_json:
        print_json({"id": issued.id, "key": secret, "name": name, "expires": expires_at})
    else:
        say(secret)
        complain(
            f"Key {issued.id} for {name}. Keep it now: it is stored as a hash only. Use it as `Authorization: Bearer KEY`."
        )


@keys.command("list")
def list_(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """List the keys, without their secrets."""
    found = ask_database(load_configuration(config), list_keys)
    rows = [
        (
            key.id,
            key.name,
            ",".join(key.scopes),
            ",".join(key.sites or ("all",)),
            key.created_at,
            key.expires_at,
            key.revoked_at,
        )
        for key in found
    ]
    if as_json:
        print_json(as_objects(COLUMNS, rows))
    else:
        print_table(COLUMNS, rows)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="The key's id, as `keys list` shows it.")],
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Revoke a key; requests with it are refused within a minute."""
    if not change_database(load_configuration(config), lambda database: revoke_key(database, key_id, by=command_actor())):
        complain(f'there is no key "{key_id}" in force; see `ems-telemetry keys list`')
        raise typer.Exit(1)
    say(f"revoked {key_id}")


def _known_sites(configuration: Configuration, sites: str) -> list[str]:
    wanted = [site.strip() for site in sites.split(",")]
    for site in wanted:
        if site not in configuration.sites():
            refuse(not_known("site", site, configuration.sites()))
    return wanted


def _duration(text: str) -> float:
    try:
        return parse_duration_s(text)
    except ValueError as error:
        refuse(f"--expires: {error}")
