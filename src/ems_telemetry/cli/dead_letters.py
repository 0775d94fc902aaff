"""`dead-letters`: what was received and could not become a reading; shown, and sent on its way again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias
from uuid import UUID

import typer

from ems_telemetry.api.times import parse_time
from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import ask_database
from ems_telemetry.cli.importing import in_words
from ems_telemetry.cli.output import (
    EXIT_FAILED,
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
from ems_telemetry.cli.payloads import readable
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.config.scalars import parse_duration_s
from ems_telemetry.service.retrying import RetriedAll, Selection, retry_selected
from ems_telemetry.storage.losses import (
    LetterFilter,
    TimePage,
    find_dead_letter,
    list_dead_letters,
    summarise_dead_letters,
)
from ems_telemetry.storage.reading import BEGINNING, Span

COLUMNS = ("id", "received_at", "connector", "point", "reason", "detail", "retried_at", "retry_note")
KIND_COLUMNS = ("connector", "point", "reason", "count", "first", "last")
SHOWN_IN_VAIN = 20

ConnectorOption: TypeAlias = Annotated[str | None, typer.Option(help="Only those of this connector.")]
PointOption: TypeAlias = Annotated[str | None, typer.Option(help="Only those of this point.")]
ReasonOption: TypeAlias = Annotated[str | None, typer.Option(help="Only those with this reason.")]
SinceOption: TypeAlias = Annotated[
    str | None, typer.Option(help="Only those received since then: 2d for the last two days, or 2026-03-02T10:00:00Z.")
]

letters = typer.Typer(help="See what could not become a reading and why, and send it on its way again.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(letters, name="dead-letters")


@letters.command("list")
def list_(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    connector: ConnectorOption = None,
    point: PointOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    summary: Annotated[bool, typer.Option("--summary", help="Count them by connector, point and reason.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """List dead letters, newest first."""
    wanted, span = LetterFilter(connector, point, reason), Span(start=_since(since))
    configuration = load_configuration(config)
    if summary:
        kinds = ask_database(configuration, lambda database: summarise_dead_letters(database, None, span, wanted))
        _print(KIND_COLUMNS, kinds, as_json=as_json)
        return
    found = ask_database(configuration, lambda database: list_dead_letters(database, None, span, TimePage(limit + 1), wanted))
    _print(COLUMNS, [[getattr(row, column) for column in COLUMNS] for row in found[:limit]], as_json=as_json)
    if len(found) > limit and not as_json:
        complain(f"the newest {limit} are shown; --limit shows more, --summary counts all")


@letters.command()
def show(
    id_: Annotated[UUID, typer.Argument(metavar="ID", help="The letter's id, as `dead-letters list` shows it.")],
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Show a dead letter with its payload, readable."""
    found = ask_database(load_configuration(config), lambda database: find_dead_letter(database, None, id_))
    if found is None:
        complain(f'there is no dead letter "{id_}"; see `ems-telemetry dead-letters list`')
        raise typer.Exit(EXIT_FAILED)
    row, payload = found
    if as_json:
        print_json({**row._asdict(), "payload": readable(payload)})
        return
    for name, value in row._asdict().items():
        if value is not None:
            say(f"{name.replace('_', ' '):12}{_told(value)}")
    say("")
    say(readable(payload))


@letters.command()
def retry(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    ids: Annotated[list[UUID] | None, typer.Argument(metavar="[ID]...", help="These; or choose by the options.")] = None,
    connector: ConnectorOption = None,
    point: PointOption = None,
    reason: ReasonOption = None,
    since: SinceOption = None,
    all_: Annotated[bool, typer.Option("--all", help="All there are.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also those that have become readings already.")] = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Read dead letters again, by the configuration as it is now, and store what comes of it.

    A letter stays, with a note of what became of it. With a running service the readings are handed to it.
    """
    wanted = LetterFilter(connector, point, reason)
    if not ids and not all_ and wanted == LetterFilter() and since is None:
        refuse("say which: ids, --connector, --point, --reason, --since, or --all")
    selection = Selection(ids or (), wanted, _since(since), again)
    result = asyncio.run(retry_selected(load_configuration(config), selection, complain, command_actor()))
    if as_json:
        print_json(_as_object(result))
    else:
        _print_result(result)
    if result.in_vain or result.missing:
        raise typer.Exit(EXIT_FAILED)


def _as_object(result: RetriedAll) -> dict[str, object]:
    in_vain = [{"id": letter.id, "connector": letter.connector, "note": note} for letter, note in result.in_vain]
    return {
        "letters": result.letters,
        "readings": result.readings,
        "done_before": result.done_before,
        "missing": list(result.missing),
        "in_vain": in_vain,
        **result.fed._asdict(),
    }


def _print_result(result: RetriedAll) -> None:
    if result.in_vain:
        shown = result.in_vain[:SHOWN_IN_VAIN]
        print_table(
            ("id", "connector", "point", "why not"), [(each.id, each.connector, each.point, note) for each, note in shown]
        )
        if len(result.in_vain) > len(shown):
            say(f"and {len(result.in_vain) - len(shown)} more")
    for id_ in result.missing:
        complain(f'there is no dead letter "{id_}"')
    if result.done_before:
        say(f"{result.done_before} had become readings already; --again retries them too")
    say(f"{result.letters} letters retried, {len(result.in_vain)} in vain; {in_words(result.readings, result.fed)}")


def _print(columns: Sequence[str], rows: Sequence[Sequence[object]], *, as_json: bool) -> None:
    if as_json:
        print_json(as_objects(columns, rows))
    else:
        print_table([column.replace("_", " ") for column in columns], [[_told(cell) for cell in row] for row in rows])


def _told(value: object) -> object:
    return f"{value:%Y-%m-%d %H:%M:%S}Z" if isinstance(value, datetime) else value


def _since(text: str | None) -> datetime:
    if text is None:
        return BEGINNING
    try:
        return datetime.now(UTC) - timedelta(seconds=parse_duration_s(text))
    except ValueError:
        pass
    try:
        return parse_time(text)
    except ValueError:
        refuse(f'--since: "{text}" is neither a duration, as 2d, nor a time with its zone, as 2026-03-02T10:00:00Z')
