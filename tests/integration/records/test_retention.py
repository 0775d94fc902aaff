"""Raw readings stay as long as a record or a hold needs them (CR-53)."""

from datetime import UTC, date, datetime, timedelta

import pytest
from fakes import HandClock
from record_plant import ALICE, BERLIN, ENERGY, SUB, Plant
from small_plant import fetch, make_maintenance
from structlog.testing import capture_logs

from ems_telemetry.config.service import RetentionSettings
from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.keeping.making import draft, keep, void
from ems_telemetry.records.keeping.retention import NeededError, claims_on, purge, read_needed_times
from ems_telemetry.records.method import Asked, PlanItem
from ems_telemetry.storage.capability import detect, prepare_for
from ems_telemetry.storage.maintenance import Maintenance
from ems_telemetry.storage.point_facts import read_facts
from ems_telemetry.storage.records import RecordRow

MAY, JUNE = (datetime(2026, month, 1, tzinfo=BERLIN).astimezone(UTC) for month in (5, 6))
IN_MAY, IN_FEBRUARY = datetime(2026, 5, 12, tzinfo=UTC), datetime(2026, 2, 10, tzinfo=UTC)
_ADD = """
    INSERT INTO readings (time, point_id, value, quality, flags, source_status, received_at)
    VALUES (%s, %s, 1, 192, 0, 0, now())"""


@pytest.fixture
async def plant(any_plant: Plant) -> Plant:
    return any_plant


async def read(plant: Plant, *times: datetime, key: str = ENERGY) -> None:
    async with plant.database.connection() as connection:
        await prepare_for(connection, await detect(connection), times)
        for time in times:
            await connection.execute(_ADD, (time, plant.ids[key]))


async def keep_may(plant: Plant, plan: str, class_: str) -> RecordRow:
    item = PlanItem(plan, 1, "BER1", ENERGY, "period_total@1", Period.MONTH, {"point": ENERGY}, retention_class=class_)
    async with plant.database.connection() as connection:
        made = await draft(connection, Asked(item, MAY, JUNE, BERLIN), JUNE)
        kept = await keep(connection, made, None, "closed", JUNE)
    assert kept is not None
    return kept


def maintenance(plant: Plant, now: datetime) -> Maintenance:
    settings = RetentionSettings.model_construct(readings=30 * 86_400.0)
    return make_maintenance(plant.database, settings, HandClock(now), read_needed_times)


async def times_of(plant: Plant) -> list[datetime]:
    return [time for (time,) in await fetch(plant.database, "SELECT time FROM readings ORDER BY time")]


async def needed_until(plant: Plant, key: str, now: datetime) -> tuple[list[date | None], list[str]]:
    async with plant.database.connection() as connection:
        (point,) = await read_facts(connection, [key])
        claims = await claims_on(connection, IN_MAY, IN_MAY + timedelta(days=1), now, point)
    return [claim.not_before for claim in claims.records], [hold.id for hold in claims.holds]


async def test_cr_53_readings_stay_as_long_as_the_longest_kept_record_made_of_them(plant: Plant) -> None:
    await read(plant, IN_FEBRUARY, IN_MAY)
    await keep_may(plant, "discharge", "npdes_monitoring")
    await keep_may(plant, "ghg", "ems_record")
    assert await needed_until(plant, ENERGY, JUNE) == ([date(2036, 5, 31), date(2030, 5, 31)], [])
    assert await needed_until(plant, SUB, JUNE) == ([], [])
    one = maintenance(plant, datetime(2036, 5, 30, 12, tzinfo=UTC))
    with capture_logs() as lines:
        for _ in range(3):
            await one.do()
    assert [line["count"] for line in lines if line["event_code"] == "readings_needed"] == [1]
    assert await times_of(plant) == [IN_MAY]
    assert len(one.state.needed) == 1
    assert not one.state.problems
    last = maintenance(plant, datetime(2036, 5, 31, 12, tzinfo=UTC))
    await last.do()
    assert (await times_of(plant), last.state.needed) == ([], ())


async def test_cr_53_an_earlier_purge_is_refused_with_the_records_that_need_it(plant: Plant) -> None:
    await read(plant, IN_FEBRUARY, IN_MAY)
    kept = await keep_may(plant, "ghg", "ems_record")
    async with plant.database.connection() as connection:
        with pytest.raises(NeededError) as refused:
            await purge(connection, ALICE, JUNE + timedelta(days=7), "no room", JUNE + timedelta(days=60))
        assert [claim.need.id for claim in refused.value.claims.records] == [kept.id]
    assert await times_of(plant) == [IN_FEBRUARY, IN_MAY]
    async with plant.database.connection() as connection:
        dropped = await purge(connection, ALICE, MAY, "no room", JUNE)
    assert len(dropped) == 1
    assert await times_of(plant) == [IN_MAY]
    told = "SELECT action, actor_name, reason, detail ->> 'before' FROM audit_events ORDER BY seq DESC LIMIT 1"
    assert await fetch(plant.database, told) == [("readings.purged", "Alice", "no room", "2026-04-30T22:00:00Z")]


async def test_a_hold_keeps_readings_until_it_is_lifted(plant: Plant) -> None:
    await read(plant, IN_FEBRUARY, IN_MAY)
    now = datetime(2040, 1, 1, tzinfo=UTC)
    body = {"scope": "point", "point": ENERGY, "from": MAY.isoformat()}
    await plant.state("hold", "H-1", body, until=now + timedelta(days=1))
    assert await needed_until(plant, ENERGY, now) == ([], ["H-1"])
    assert await needed_until(plant, SUB, now) == ([], [])
    await maintenance(plant, now).do()
    assert await times_of(plant) == [IN_MAY]
    async with plant.database.connection() as connection:
        with pytest.raises(NeededError):
            await purge(connection, ALICE, now, "no room", now)
    await maintenance(plant, now + timedelta(days=1)).do()
    assert await times_of(plant) == []


async def test_a_hold_on_a_record_or_a_site_keeps_what_lies_under_it(plant: Plant) -> None:
    kept = await keep_may(plant, "discharge", "npdes_monitoring")
    now = datetime(2040, 1, 1, tzinfo=UTC)
    assert await needed_until(plant, ENERGY, now) == ([], [])
    await plant.state("hold", "H-1", {"scope": "record", "record_id": str(kept.id)})
    await plant.state("hold", "H-2", {"scope": "site"}, site="MUC1")
    assert await needed_until(plant, ENERGY, now) == ([], ["H-1"])
    assert await needed_until(plant, "EM-90.energy_import", now) == ([], ["H-2"])


async def test_readings_of_a_voided_record_and_of_an_unknown_class_stay(plant: Plant) -> None:
    kept = await keep_may(plant, "ghg", "ems_record")
    async with plant.database.connection() as connection:
        await void(connection, kept, "wrong meter", JUNE, ALICE)
    assert await needed_until(plant, ENERGY, JUNE) == ([date(2036, 5, 31)], [])
    await keep_may(plant, "other", "for_some_years")
    far = datetime(2100, 1, 1, tzinfo=UTC)
    assert await needed_until(plant, ENERGY, far) == ([None], [])
