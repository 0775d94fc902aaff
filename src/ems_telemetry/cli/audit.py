"""`audit`: whether the audit trail, what it tells of, and the raw readings are as they were."""

from typing import Annotated

import typer

from ems_telemetry.cli.database import ask_database
from ems_telemetry.cli.output import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    load_configuration,
    print_json,
    say,
)
from ems_telemetry.cli.times import read_time
from ems_telemetry.config.load import DEFAULT_PATH
from ems_telemetry.records.proving.verifying import AuditVerdict, verify_audit
from ems_telemetry.records.proving.verifying_raw import RawVerdict, verify_raw
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.raw_digests import DigestFilter

MOST_DAYS = 10_000_000
"""More than there can be: ten thousand points over a century have less than half a billion, and nobody waits for that."""

audit = typer.Typer(help="Verify the audit trail and everything it tells of.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(audit, name="audit")


@audit.callback()
def group() -> None:
    """Verify the audit trail and everything it tells of."""


@audit.command()
def verify(
    raw: Annotated[bool, typer.Option("--raw", help="Compute the digests of raw readings anew too.")] = False,
    site: Annotated[str | None, typer.Option(help="Raw readings of this site alone.")] = None,
    from_: Annotated[str | None, typer.Option("--from", help="Raw readings from then on, as 2026-03-01T00:00:00Z.")] = None,
    to: Annotated[str | None, typer.Option(help="Raw readings up to then.")] = None,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Verify every event, and every record, fact, decision and checkpoint behind it; with --raw the readings too.

    Exit codes: 0 all holds, 1 something does not, and it is named.
    """
    since = None if from_ is None else read_time("--from", from_)
    until = None if to is None else read_time("--to", to)
    asked = DigestFilter(site, since, until)

    async def verifying(database: Database) -> tuple[AuditVerdict, RawVerdict | None]:
        async with database.connection() as connection:
            trail = await verify_audit(connection)
            return trail, await verify_raw(connection, asked, MOST_DAYS) if raw else None

    trail, readings = ask_database(load_configuration(config), verifying)
    if as_json:
        print_json({**trail._asdict(), "raw": None if readings is None else _as_object(readings)})
    else:
        _tell_trail(trail)
        if readings is not None:
            _tell_readings(readings)
    if not trail.ok or (readings is not None and not readings.ok):
        raise typer.Exit(EXIT_FAILED)


def _tell_trail(verdict: AuditVerdict) -> None:
    if verdict.ok:
        say(f"✓ all {verdict.checked} events hold, and everything they tell of")
        say(f"  the chain stands at {verdict.head_seq}, {verdict.head_hash}")
    else:
        say(f"✕ event {verdict.first_bad_seq} does not hold: {verdict.reason}")


def _tell_readings(verdict: RawVerdict) -> None:
    if verdict.first_bad is not None:
        bad = verdict.first_bad
        say(f"✕ raw readings of {bad.point}, day from {bad.day_start:%Y-%m-%d %H:%M}Z: {bad.reason}")
        return
    say(f"✓ raw readings of {verdict.checked} days of points are as they were")
    if verdict.late:
        say(f"◆ {verdict.late} have readings that came late, and no digest of them all yet")
    if verdict.dropped:
        say(f"◆ {verdict.dropped} are older than every reading that is left: their retention ended")


def _as_object(verdict: RawVerdict) -> dict[str, object]:
    return {**verdict._asdict(), "first_bad": None if verdict.first_bad is None else verdict.first_bad._asdict()}
