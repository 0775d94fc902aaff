"""`spool status`: how full the spool is, for how long it has room, and what of it could not be read."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

import typer

from ems_telemetry.cli.output import ConfigOption, JsonOption, print_json, say
from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.service.spool_status import SpoolStatus, look_at_spool

spool = typer.Typer(help="The durable buffer between meters and database.", no_args_is_help=True)
_UNITS = ("B", "kB", "MB", "GB", "TB")
_THOUSAND = 1000
_FEW_HOURS = 72


def add_to(app: typer.Typer) -> None:
    """Adds the group of verbs."""
    app.add_typer(spool, name="spool")


@spool.callback()
def _group() -> None:
    """Keeps `status` a verb of its own, as long as it is the only one."""


@spool.command()
def status(
    watch: Annotated[float, typer.Option("--watch", min=0.0, max=3600.0, help="Seconds to watch what comes in.")] = 5.0,
    config: ConfigOption = DEFAULT_PATH,
    as_json: JsonOption = False,
) -> None:
    """Show how full the spool is, how old, how long it lasts at the present rate, and what was damaged."""
    found = asyncio.run(look_at_spool(load_settings(config), SystemClock(), watch))
    age_s = None if found.oldest_at is None else max(0.0, (datetime.now(UTC) - found.oldest_at).total_seconds())
    if as_json:
        print_json(_as_object(found, age_s))
        return
    say(f"{found.directory}: {_bytes(found.size_bytes)} of {_bytes(found.max_size_bytes)} ({found.share:.1%})")
    oldest = "" if age_s is None else f"; the oldest has waited for {_duration(age_s)}"
    say(f"{found.batches} batches wait for the database{oldest}")
    say(_room(found, watch))
    for entry in found.damaged:
        at = f"{entry.set_aside_at:%Y-%m-%d %H:%M}Z"
        say(f"damaged: entry {entry.sequence}, {_bytes(entry.size_bytes)}, set aside {at}: {entry.reason}")
    for file in found.files_set_aside:
        say(f"damaged: the file {file}")


def _as_object(found: SpoolStatus, age_s: float | None) -> dict[str, object]:
    return {
        "directory": found.directory,
        "batches": found.batches,
        "bytes": found.size_bytes,
        "max_bytes": found.max_size_bytes,
        "share": round(found.share, 6),
        "oldest_at": found.oldest_at,
        "oldest_age_s": age_s,
        "bytes_per_s": found.bytes_per_s,
        "rate_from": found.rate_from,
        "hours_left": found.hours_left,
        "damaged": [entry._asdict() for entry in found.damaged],
        "files_set_aside": list(found.files_set_aside),
    }


def _room(found: SpoolStatus, watch_s: float) -> str:
    if found.bytes_per_s is None:
        return f"how long it lasts is not told: no service answers, and nothing was seen to come in within {watch_s:g} s"
    if found.hours_left is None:
        return f"nothing came in within {watch_s:g} s; --watch 60 looks longer"
    left = _duration(found.hours_left * 3600)
    hint = "; three days are a good measure, see spool.max_size" if found.hours_left < _FEW_HOURS else ""
    return f"{_bytes(found.bytes_per_s * 60)} a minute come in: room for {left} if the database takes nothing{hint}"


def _bytes(amount: float) -> str:
    unit = 0
    while amount >= _THOUSAND and unit < len(_UNITS) - 1:
        amount, unit = amount / _THOUSAND, unit + 1
    return f"{amount:.3g} {_UNITS[unit]}"


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
