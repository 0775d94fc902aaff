"""How long raw readings are kept: as long as any record that was made of them, and while a hold is on (CR-53)."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Final, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from ems_telemetry.config.retention import retention_classes
from ems_telemetry.errors import PermanentError
from ems_telemetry.records.facts import entries
from ems_telemetry.rules.retention import Kept, kept_until, last_day_of
from ems_telemetry.storage.audit import Act, Actor, append_act
from ems_telemetry.storage.capability import detect, drop_before
from ems_telemetry.storage.database import Connection
from ems_telemetry.storage.entries import EntryFilter, EntryRow, read_entries
from ems_telemetry.storage.keeping import Need, NeededSpan, read_needed_spans, read_needs, read_points_of_record
from ems_telemetry.storage.point_facts import PointFacts
from ems_telemetry.storage.reading import BEGINNING, END

MOST_NEEDS: Final = 1_000


class Claim(NamedTuple):
    """A record that needs readings; None where its class is not known, and it is kept until somebody says how long."""

    need: Need
    not_before: date | None


class Claims(NamedTuple):
    """Who needs readings now: records whose class has not ended, the longest first, and the holds that are on."""

    records: Sequence[Claim]
    holds: Sequence[EntryRow]

    def __bool__(self) -> bool:
        """Whether anything needs them."""
        return bool(self.records or self.holds)


class NeededError(PermanentError):
    """Readings that are needed were to be purged."""

    def __init__(self, claims: Claims) -> None:
        super().__init__("records or holds need these readings")
        self.claims = claims


class NeededTimes:
    """Times `[since, until)` whose readings must stay, merged."""

    def __init__(self, spans: Sequence[tuple[datetime, datetime]]) -> None:
        self._spans = _merged(spans)

    def __call__(self, since: datetime, until: datetime) -> bool:
        """Tells whether readings within `[since, until)` must stay."""
        return any(start < until and since < end for start, end in self._spans)


async def read_needed_times(connection: Connection, now: datetime) -> NeededTimes:
    """Finds the times whose readings must not be dropped, of any point."""
    spans = [(span.since, span.until) for span in await read_needed_spans(connection) if not _has_ended(span, now)]
    for hold in await read_holds(connection, now):
        covered = await _covered(connection, hold)
        spans += [(since, until) for _, since, until in covered]
    return NeededTimes(spans)


async def claims_on(
    connection: Connection, since: datetime, until: datetime, now: datetime, point: PointFacts | None = None
) -> Claims:
    """Tells who needs the readings within `[since, until)`, of a point or of any."""
    needs = await read_needs(connection, since, until, 100 * MOST_NEEDS, None if point is None else point.key)
    claims = [Claim(need, not_before(need)) for need in needs if not _has_ended(need, now)]
    longest = sorted(claims, key=lambda claim: claim.not_before or date.max, reverse=True)
    holds = []
    for hold in await read_holds(connection, now):
        covered = await _covered(connection, hold)
        if any(
            start < until and since < end and (point is None or name in {None, point.key}) and _is_at(hold, point)
            for name, start, end in covered
        ):
            holds.append(hold)
    return Claims(longest, holds)


async def purge(connection: Connection, actor: Actor, before: datetime, reason: str, now: datetime) -> list[str]:
    """Drops the chunks or partitions of readings that lie wholly before a time, in the open transaction.

    Returns:
        The names of those dropped, which the audit trail is told too.

    Raises:
        NeededError: a record or a hold needs some of the readings; nothing is dropped.
    """
    claims = await claims_on(connection, BEGINNING, before, now)
    if claims:
        raise NeededError(claims)
    dropped, _ = await drop_before(connection, await detect(connection), before, lambda _since, _until: False)
    act = Act("readings.purged", "readings", "readings", reason=reason, detail={"before": before, "dropped": dropped})
    await append_act(connection, actor, act, now)
    return dropped


async def read_holds(connection: Connection, now: datetime) -> list[EntryRow]:
    """Gives the holds that are on."""
    return entries.covering(await read_entries(connection, EntryFilter("hold")), now, needs_approval=False)


def not_before(need: Need | NeededSpan) -> date | None:
    """Tells the day before which what a record was made of must not be purged; None where its class is not known."""
    known = retention_classes().get(need.retention_class)
    if known is None:
        return None
    last_day = last_day_of(need.period_end.astimezone(ZoneInfo(need.timezone)))
    return kept_until(Kept(need.retention_class, last_day, known))


def _has_ended(need: Need | NeededSpan, now: datetime) -> bool:
    day = not_before(need)
    return day is not None and now.astimezone(ZoneInfo(need.timezone)).date() >= day


async def _covered(connection: Connection, hold: EntryRow) -> list[tuple[str | None, datetime, datetime]]:
    """Gives what a hold covers: a point, None for all of its site, and of which time."""
    body = hold.body
    if body["record_id"] is not None:
        return [*await read_points_of_record(connection, UUID(body["record_id"]))]
    since = BEGINNING if body["from"] is None else datetime.fromisoformat(body["from"])
    until = END if body["to"] is None else datetime.fromisoformat(body["to"])
    return [(body["point"], since, until)]


def _is_at(hold: EntryRow, point: PointFacts | None) -> bool:
    return point is None or hold.body["scope"] != "site" or hold.site == point.site


def _merged(spans: Sequence[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    merged: list[tuple[datetime, datetime]] = []
    for since, until in sorted(spans):
        if merged and since <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(merged[-1][1], until)
        else:
            merged.append((since, until))
    return merged
