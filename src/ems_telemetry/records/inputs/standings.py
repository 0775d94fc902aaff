"""Where meters stood in a period, by what the configuration said of them at the time."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final, NamedTuple

from ems_telemetry.evidence.canonical import digest
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.storage.point_facts import MeterRevision, PointFacts, read_facts, read_meter_revisions
from ems_telemetry.storage.records import CONFIGURED, Source

METER_REVISION: Final = "meter_revision"
"""How records name such an input."""
_BEFORE_ALL: Final = datetime.min.replace(tzinfo=UTC)


class Standing(NamedTuple):
    """What held of a meter for a period, and whether something else did in a part of it."""

    said: MeterRevision
    changed: bool


class Configured(NamedTuple):
    """The points of a site in a period, and where all meters of the plant stood then."""

    points: Sequence[PointFacts]
    standings: Mapping[str, Standing]

    def parents(self) -> dict[str, str]:
        """Gives the meter behind which each meter stood, of those that stood behind one."""
        told = {meter: standing.said.parent for meter, standing in self.standings.items()}
        return {meter: parent for meter, parent in told.items() if parent is not None}


async def configured_then(sources: Sources, site: str, start: datetime, end: datetime) -> Configured:
    """Gives the points of a site as it was configured in `[start, end)`; the record is looked at again where that changes."""
    sources.note(Source(CONFIGURED, site, start, end))
    by_meter = {
        meter: list(rows) for meter, rows in groupby(await read_meter_revisions(sources.connection), lambda row: row.meter)
    }
    standings = {meter: standing_of(rows, start, end) for meter, rows in by_meter.items()}
    there = {meter: standing for meter, standing in standings.items() if standing is not None}
    found = [meter for meter, standing in there.items() if standing.said.site == site]
    points = await read_facts(sources.connection, site=site, meters=found)
    unwritten = {point.meter: Standing(_as_now(point), changed=False) for point in points if point.meter not in by_meter}
    there |= unwritten
    return Configured([point for point in points if point.meter in there and there[point.meter].said.site == site], there)


def standing_of(revisions: Sequence[MeterRevision], start: datetime, end: datetime) -> Standing | None:
    """Tells what held of a meter for a period: what was said last before its end, as long as it was configured.

    Of times before a meter was configured, what was said of it first holds. None where it was not configured in all of the
    period.

    Args:
        revisions: of one meter, in order of time.
        start: the beginning of the period.
        end: its end.
    """
    before = [each for each in revisions if each.valid_from < end] or list(revisions[:1])
    held = [each for each in before if each.valid_from > start]
    held = [*[each for each in before if each.valid_from <= start][-1:], *held]
    active = [each for each in held if each.active]
    return Standing(active[-1], len({_said(each) for each in active}) > 1) if active else None


def standing_ref(standing: Standing) -> dict[str, object]:
    """Names what was said of a meter, with the hash of it, as an input of a record."""
    said = standing.said
    since = None if said.valid_from == _BEFORE_ALL else said.valid_from
    return {
        "kind": METER_REVISION, "id": said.meter, "since": since, "configuration": said.config_revision,
        "hash": revision_hash(said),
    }  # fmt: skip


def revision_hash(said: MeterRevision) -> str:
    """Gives the hash of what was said of a meter."""
    since = None if said.valid_from == _BEFORE_ALL else said.valid_from
    return digest(said._asdict() | {"valid_from": since}).hex()


def changed_within(standings: Iterable[Standing]) -> list[str]:
    """Names the meters of which something else was said in a part of the period."""
    return sorted(standing.said.meter for standing in standings if standing.changed)


def _said(row: MeterRevision) -> tuple[str | None, ...]:
    return row.site, row.area, row.medium, row.parent, row.cost_centre


def _as_now(point: PointFacts) -> MeterRevision:
    """Of a plant whose configurations were never written down, what is configured now."""
    return MeterRevision(
        point.meter, _BEFORE_ALL, None, active=True, site=point.site, area=point.area, medium=None, parent=point.parent,
        cost_centre=point.cost_centre,
    )  # fmt: skip
