"""How the spool stands, and for how many hours it has room: by what a running service counts, or by what is seen to come in."""

import asyncio
import http.client
import ssl
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from ems_telemetry.clock import Clock
from ems_telemetry.config.service import ApiSettings, Settings
from ems_telemetry.errors import SpoolDamagedError
from ems_telemetry.spool.inspection import DamagedEntry, Inspection, appended_since, inspect

APPENDED = "ems_telemetry_spool_appended_bytes_total"
_LOOK_EVERY_S = 0.2
_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, not bound to
_HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class SpoolStatus:
    """How the spool stands. Rate and hours are None where nothing was seen to come in."""

    directory: Path
    batches: int
    size_bytes: int
    max_size_bytes: int
    oldest_at: datetime | None
    bytes_per_s: float | None
    rate_from: str | None
    """`metrics`: counted by the running service; `growth`: seen from outside."""
    damaged: Sequence[DamagedEntry]
    files_set_aside: Sequence[Path]

    @property
    def share(self) -> float:
        """How full it is, from 0 to 1."""
        return self.size_bytes / self.max_size_bytes

    @property
    def hours_left(self) -> float | None:
        """For how long it has room at the present rate if the database takes nothing from now on."""
        if not self.bytes_per_s:
            return None
        return max(0, self.max_size_bytes - self.size_bytes) / self.bytes_per_s / _HOUR_S


async def look_at_spool(settings: Settings, clock: Clock, watch_s: float) -> SpoolStatus:
    """Looks at the spool, and for some seconds at what comes in.

    Raises:
        SpoolDamagedError: there is none, or it cannot be read.
    """
    directory = settings.spool.directory
    began = await asyncio.to_thread(inspect, directory)
    if began is None:
        raise SpoolDamagedError(f"there is no spool in {directory} yet; `run` makes one")
    began_s, counted = clock.monotonic(), await asyncio.to_thread(_read_appended, settings.api)
    sizes = await _watch(directory, began, clock, watch_s)
    ended = await asyncio.to_thread(inspect, directory) or began
    counted_again = None if counted is None else await asyncio.to_thread(_read_appended, settings.api)
    bytes_per_s, rate_from = _rate(began, ended, sizes, counted, counted_again, clock.monotonic() - began_s)
    return SpoolStatus(
        directory=directory,
        batches=ended.batches,
        size_bytes=ended.size_bytes,
        max_size_bytes=settings.spool.max_size,
        oldest_at=ended.oldest_at,
        bytes_per_s=bytes_per_s,
        rate_from=rate_from,
        damaged=ended.damaged,
        files_set_aside=ended.files_set_aside,
    )


async def _watch(directory: Path, began: Inspection, clock: Clock, watch_s: float) -> dict[int, int]:
    """Gives the sizes of what was seen to come in; a writer that keeps up takes it away again soon."""
    sizes: dict[int, int] = {}
    until_s = clock.monotonic() + watch_s
    while clock.monotonic() < until_s:
        await clock.sleep(min(_LOOK_EVERY_S, watch_s))
        sizes |= await asyncio.to_thread(appended_since, directory, began.last_sequence)
    return sizes


def _rate(
    began: Inspection,
    ended: Inspection,
    sizes: dict[int, int],
    counted: float | None,
    counted_again: float | None,
    passed_s: float,
) -> tuple[float | None, str | None]:
    """Tells how many bytes a second come in, and how that is known; what was taken away unseen counts as the others do."""
    if counted is not None and counted_again is not None and counted_again >= counted:
        return (counted_again - counted) / passed_s, "metrics"
    if not sizes:
        return None, None
    appended = (ended.last_sequence - began.last_sequence) * sum(sizes.values()) / len(sizes)
    return appended / passed_s, "growth"


def _read_appended(api: ApiSettings) -> float | None:
    """Asks a running service how much it has put into the spool; None if none answers, or it does not say."""
    scheme = "http" if api.tls is None else "https"
    host = _ANYWHERE.get(api.host, api.host)
    url = f"{scheme}://{f'[{host}]' if ':' in host else host}:{api.port}/metrics"
    try:
        with urllib.request.urlopen(url, timeout=2, context=_trusting(api)) as answer:  # noqa: S310 - our own address
            text = answer.read().decode()
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError):
        return None
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return next((sample.value for sample in samples if sample.name == APPENDED), None)


def _trusting(api: ApiSettings) -> ssl.SSLContext | None:
    """Trusts the very certificate that the service is set to show, under whatever name."""
    if api.tls is None:
        return None
    context = ssl.create_default_context(cafile=str(api.tls.certificate))
    context.check_hostname = False
    return context
