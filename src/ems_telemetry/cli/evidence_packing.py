"""`evidence pack`: makes a pack over the database, without the service."""

import asyncio
import re
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated
from uuid import uuid4
from zoneinfo import ZoneInfo

import typer

from ems_telemetry.api.times import parse_time
from ems_telemetry.cli.acting import command_actor
from ems_telemetry.cli.database import change_database
from ems_telemetry.cli.output import (
    ConfigOption,
    JsonOption,
    load_configuration,
    print_json,
    refuse,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH, Configuration
from ems_telemetry.config.problems import not_known
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.evidence.signing import KeyFileError, SigningKey
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.packing.asked import MOST_SAMPLED, PackAsked
from ems_telemetry.records.packing.making import MadePack, PackBench
from ems_telemetry.storage.database import Database

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


def add_to(group: typer.Typer) -> None:
    """Adds the verb."""
    group.command("pack")(pack)


def pack(  # noqa: PLR0913, PLR0917 - a verb has as many parameters as options
    site: Annotated[str, typer.Option(help="The site whose records are packed.")],
    from_: Annotated[str, typer.Option("--from", help="From when on: a local day, as 2026-03-01, or 2026-03-01T00:00:00Z.")],
    to: Annotated[str, typer.Option(help="Up to when: a local day, which is no longer part of it, or a time.")],
    seed: Annotated[str, typer.Option(help="The auditor's word that the sample is drawn by.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="Where the pack goes, a zip; nothing is written over.")],
    key: Annotated[
        Path | None, typer.Option(metavar="KEYFILE", help="The key that signs; evidence.signing_key, if not said.")
    ] = None,
    type_: Annotated[list[RecordType] | None, typer.Option("--type", help="Only these records; may be repeated.")] = None,
    sample: Annotated[
        int, typer.Option(min=0, max=MOST_SAMPLED, help="How many records are drawn, with inputs and raw readings.")
    ] = 25,
    as_of: Annotated[str | None, typer.Option("--as-of", help="As they were known then; now, if not said.")] = None,
    all_revisions: Annotated[bool, typer.Option("--all-revisions", help="Every revision, not the newest alone.")] = False,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Make an evidence pack: records, what they stand on, and the audit trail, signed; `evidence verify` needs nothing else."""
    configuration = load_configuration(config)
    signing_key = _key(key or configuration.settings.evidence.signing_key)
    zone, now = _zone(configuration, site), datetime.now(UTC)
    asked = PackAsked(
        site=site,
        since=_time("--from", from_, zone),
        until=_time("--to", to, zone),
        types=tuple(type_ or ()),
        as_of=now if as_of is None else _time("--as-of", as_of, zone),
        sample=sample,
        seed=seed,
        all_revisions=all_revisions,
    )
    if asked.since >= asked.until:
        refuse("--from is not before --to; nothing lies between them")
    if asked.as_of > now:
        refuse("--as-of is in the future; nobody knows what will be known then")
    if out.exists():
        refuse(f"--out: {out} is there already; it may have been handed over")
    if not out.parent.is_dir():
        refuse(f"--out: there is no folder {out.parent}")
    made = change_database(configuration, lambda database: _make(database, signing_key, out, asked))
    if as_json:
        print_json({"file": out, "pack_id": made.pack_id, "sha256": made.sha256, "size_bytes": made.size_bytes,
                    "records": made.records, "sample": made.manifest.sample, "key_id": signing_key.public.key_id})  # fmt: skip
        return
    say(f"{out}: {made.records} records, {len(made.manifest.sample)} drawn, {made.size_bytes} bytes")
    say(f"SHA-256 {made.sha256}, signed by {signing_key.public.key_id}")


async def _make(database: Database, key: SigningKey, out: Path, asked: PackAsked) -> MadePack:
    made = await PackBench(database, key).make(out, str(uuid4()), asked, datetime.now(UTC))
    try:
        async with database.connection() as connection:
            await made.tell(connection, command_actor(), datetime.now(UTC))
    except BaseException:
        await asyncio.to_thread(out.unlink, missing_ok=True)  # a pack that the audit trail does not know is none
        raise
    return made


def _key(path: Path | None) -> SigningKey:
    if path is None:
        refuse("say which key signs: --key KEYFILE, or evidence.signing_key; `ems-telemetry evidence key make` makes one")
    try:
        return SigningKey.load(path)
    except KeyFileError as error:
        raise ConfigurationError([Problem(None, None, str(error))]) from error


def _zone(configuration: Configuration, site: str) -> ZoneInfo:
    sites = configuration.sites()
    if site not in sites:
        refuse(not_known("site", site, list(sites)))
    return sites[site].zone


def _time(option: str, text: str, zone: ZoneInfo) -> datetime:
    """Reads a time, or a local day, which means its beginning."""
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        return parse_time(text)
    except ValueError as error:
        refuse(f'{option}: "{text}" {error}')
