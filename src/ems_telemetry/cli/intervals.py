"""`intervals`: how computing them stands, and computing them anew."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import ask_database, change_database
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
from ems_telemetry.storage.recomputing import Chosen, mark_anew, read_status

intervals = typer.Typer(help="See how computing intervals stands, and have some computed anew.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(intervals, name="intervals")


@intervals.command()
def recompute(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    from_: Annotated[str, typer.Option("--from", help="From when on, as 2026-03-01T00:00:00Z.")],
    to: Annotated[str | None, typer.Option(help="Up to when; now, if not said.")] = None,
    point: Annotated[str | None, typer.Option(help="Those of this point.")] = None,
    meter: Annotated[str | None, typer.Option(help="Those of this meter.")] = None,
    site: Annotated[str | None, typer.Option(help="Those of this site.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Those of all points.")] = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Have intervals computed anew from the readings; the service does so within seconds, or when it starts.

    Where nothing has changed, the same comes of it, and no revision is counted up.
    """
    chosen = Chosen(point, meter, site)
    if chosen == Chosen() and not all_:
        refuse("say which: --point, --meter, --site, or --all")
    since, until = read_time("--from", from_), datetime.now(UTC) if to is None else read_time("--to", to)
    if since >= until:
        refuse("--from is not before --to; nothing lies between them")
    marked = change_database(
        load_configuration(config), lambda database: mark_anew(database, chosen, since, until, by=command_actor())
    )
    if as_json:
        print_json({"points": len(marked), "from": since, "to": until})
    elif marked:
        say(f"{len(marked)} points will be computed anew; see `ems-telemetry intervals status`")
    if not marked:
        complain("no point of these has intervals there; see `ems-telemetry intervals status`")
        raise typer.Exit(EXIT_FAILED)


@intervals.command()
def status(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Tell up to where intervals are computed, and what waits to be."""
    found = ask_database(load_configuration(config), read_status)
    if as_json:
        print_json(found._asdict())
        return
    say(f"points with intervals  {found.points}")
    say(f"computed up to         {_told(found.behind)} (the furthest behind), {_told(found.ahead)} (the furthest ahead)")
    say(f"waiting                {found.waiting} points" + (f", from {_told(found.oldest_waiting)}" if found.waiting else ""))


def _told(time: datetime | None) -> str:
    return "never" if time is None else f"{time:%Y-%m-%d %H:%M}Z"
