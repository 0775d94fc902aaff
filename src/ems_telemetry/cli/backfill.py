"""`backfill`: fills in what was missed, from a file of any size or from what an endpoint keeps itself."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.importing import AuthorOption, ReasonOption, in_words
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
from ems_telemetry.config.load import DEFAULT_PATH, Configuration
from ems_telemetry.service.backfilling import Backfilled, Progress, Show, backfill_file, check_file
from ems_telemetry.service.history import HistoryRead, backfill_connector
from ems_telemetry.service.running_import import BroughtBy


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("backfill")(backfill)


def backfill(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    file: Annotated[
        Path | None, typer.Argument(help="CSV, NDJSON or Parquet: point, time, value and, if you like, quality.")
    ] = None,
    connector: Annotated[
        str | None, typer.Option(help="Read what the endpoint of this connector keeps, instead of a file.")
    ] = None,
    from_: Annotated[str | None, typer.Option("--from", help="From then on, as 2026-03-01T00:00:00Z.")] = None,
    to: Annotated[str | None, typer.Option(help="Up to then; now, if not said.")] = None,
    point: Annotated[list[str] | None, typer.Option(help="Only this point of the connector; may be given again.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Read the whole file and take nothing.")] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="From the beginning, although an earlier run stopped midway.")
    ] = False,
    author: AuthorOption = None,
    reason: ReasonOption = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Fill in what was missed: from a file of any size, or from the history that a server keeps.

    Readings are flagged `backfilled`; doing it again changes nothing. A run that was broken off goes on where it stopped.
    """
    if (file is None) == (connector is None):
        refuse("give either a FILE, or --connector with --from")
    configuration = load_configuration(config)
    by = BroughtBy(command_actor(), author, reason)
    if file is not None:
        _from_file(configuration, file, by, check=check, restart=restart, as_json=as_json)
    elif connector is not None:
        span = _span(from_, to)
        with _bar() as show:
            read = asyncio.run(backfill_connector(configuration, connector, point or (), span, show, by))
        _tell_history(read, as_json=as_json)


def _from_file(configuration: Configuration, file: Path, by: BroughtBy, *, check: bool, restart: bool, as_json: bool) -> None:
    with _bar() as show:
        work = check_file(configuration, file, show) if check else backfill_file(configuration, file, show, by, restart=restart)
        done = asyncio.run(work)
    if as_json:
        print_json(_as_object(done))
    else:
        _tell_file(done)
    if done.wrong:
        raise typer.Exit(EXIT_FAILED)


def _tell_file(done: Backfilled) -> None:
    if done.resumed_at is not None:
        say(f"went on at line {done.resumed_at}, where an earlier run had stopped")
    for problem in done.problems:
        complain(str(problem))
    if done.wrong > len(done.problems):
        complain(f"and {done.wrong - len(done.problems)} more rows are wrong")
    left_out = f", {done.wrong} of them wrong and left out" if done.wrong else ""
    say(f"{done.rows} rows read{left_out}")
    if done.fed is not None:
        say(in_words(done.taken, done.fed))


def _as_object(done: Backfilled) -> dict[str, object]:
    problems = [{"line": problem.line, "message": problem.message} for problem in done.problems]
    fed = {} if done.fed is None else done.fed._asdict()
    counts = {"rows": done.rows, "wrong": done.wrong, "taken": done.taken, "resumed_at": done.resumed_at}
    return {**counts, "problems": problems, **fed}


def _tell_history(read: HistoryRead, *, as_json: bool) -> None:
    if as_json:
        refused = [{"point": refusal.point, "reason": refusal.reason} for refusal in read.refused]
        print_json({"readings": read.readings, "refused": refused, **read.fed._asdict()})
    else:
        for refusal in read.refused:
            complain(f"{refusal.point}: {refusal.reason}")
        say(in_words(read.readings, read.fed))
    if read.refused:
        raise typer.Exit(EXIT_FAILED)


@contextmanager
def _bar() -> Iterator[Show]:
    """Shows a bar on a terminal, and nothing elsewhere."""
    columns = (TextColumn("{task.fields[rows]} readings"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Bar(*columns, TextColumn("{task.fields[waiting]}"), console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=1.0, rows=0, waiting="")

        def show(progress: Progress) -> None:
            waiting = f"waiting: {progress.waiting}" if progress.waiting else ""
            bar.update(task, completed=progress.share, rows=progress.rows, waiting=waiting)

        yield show


def _span(from_: str | None, to: str | None) -> tuple[datetime, datetime]:
    if from_ is None:
        refuse("--connector needs --from, as --from 2026-03-01T00:00:00Z")
    start, end = read_time("--from", from_), datetime.now(UTC) if to is None else read_time("--to", to)
    if start >= end:
        refuse(f"--from {from_} is not before --to {to or 'now'}")
    return start, end
