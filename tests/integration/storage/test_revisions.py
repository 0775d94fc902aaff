"""What was configured when: kept once per change, in order, also after an outage, and never with a hole."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from small_plant import ENERGY, METERS, POINTS, POWER, SITES, START, batch, fetch, point, reading, write

from ems_telemetry.config.content import WrittenFile, hash_of
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.model import Batch, Declaration, Kind
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.point_facts import MeterRevision, read_meter_revisions
from ems_telemetry.storage.registry import MeterRow, PointRow, synchronise
from ems_telemetry.storage.revising import Accepted
from ems_telemetry.storage.revisions import find_config_revision, list_config_revisions, list_point_revisions


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def accepted(minute: float, **texts: str) -> Accepted:
    files = [WrittenFile(Path(name), f"connectors/{name}.yaml", text) for name, text in sorted(texts.items())]
    return Accepted(hash_of(files), at(minute), files)


async def accept(database: Database, configuration: Accepted, points: list[PointRow] | None = None) -> None:
    await migrate(database)
    await synchronise(database, SITES, METERS, POINTS if points is None else points, accepted=configuration)


def changed(**fields: object) -> list[PointRow]:
    return [replace(one, **fields) if one.key == ENERGY else one for one in POINTS]  # type: ignore[arg-type]  # fields by name


async def test_the_same_again_is_no_new_revision_and_going_back_is_one(database: Database) -> None:
    for minute, text in enumerate(["one", "one", "two", "one"]):
        await accept(database, accepted(minute, hall=text))
    rows = await list_config_revisions(database, limit=10)
    assert [(row.accepted_at, row.in_force_until) for row in rows] == [(at(3), None), (at(2), at(3)), (at(0), at(2))]
    assert [row.hash == rows[0].hash for row in rows] == [True, False, True]
    assert await fetch(database, "SELECT count(*) FROM config_texts") == [(2,)]


async def test_a_configuration_is_given_with_its_files(database: Database) -> None:
    await accept(database, accepted(0, hall="password: ***", other="type: mqtt"))
    (row,) = await list_config_revisions(database, limit=10)
    found = await find_config_revision(database, row.id)
    assert found is not None
    assert [(file.name, file.text) for file in found[1]] == [
        ("connectors/hall.yaml", "password: ***"),
        ("connectors/other.yaml", "type: mqtt"),
    ]
    assert await find_config_revision(database, row.id + 1) is None


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": Decimal("0.1")},
        {"offset": Decimal(5)},
        {"source": "input 342"},
        {"source_unit": "kWh"},
        {"expected_interval_s": 60.0},
        {"definition": {"rollover_at": "999"}},
        {"unit": "m3", "quantity": "water_volume"},
        {"kind": Kind.GAUGE},
    ],
)
async def test_what_matters_to_a_readings_meaning_makes_a_revision(plain_url: str, fields: dict[str, object]) -> None:
    async with Database(plain_url) as database:
        await accept(database, accepted(0, hall="one"))
        await accept(database, accepted(5, hall="two"), changed(**fields))
        new, old = await list_point_revisions(database, ENERGY, limit=10)
        assert (old.valid_from, old.valid_to, new.valid_from, new.valid_to) == (at(0), at(5), at(5), None)
        assert {name: getattr(new, name) for name in fields} == fields
        assert old.config_revision is not None
        assert new.config_revision == old.config_revision + 1
        assert len(await list_point_revisions(database, POWER, limit=10)) == 1


async def test_names_and_places_make_none(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    await accept(database, accepted(5, hall="two"), changed(name="Feed-in", medium="electricity"))
    assert len(await list_point_revisions(database, ENERGY, limit=10)) == 1


async def test_a_point_that_goes_and_comes_back_has_it_written_down(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    await accept(database, accepted(5, hall="two"), POINTS[1:])
    await accept(database, accepted(6, hall="two"), POINTS[1:])
    await accept(database, accepted(9, hall="one"))
    rows = await list_point_revisions(database, ENERGY, limit=10)
    assert [(row.valid_from, row.active) for row in rows] == [(at(9), True), (at(5), False), (at(0), True)]


async def test_a_clock_that_was_put_back_brings_no_disorder(database: Database) -> None:
    await accept(database, accepted(9, hall="one"))
    await accept(database, accepted(0, hall="two"), changed(scale=Decimal(2)))
    new, old = await list_point_revisions(database, ENERGY, limit=10)
    assert (old.scale, new.scale) == (Decimal(1), Decimal(2))
    assert new.valid_from == at(9) + timedelta(microseconds=1)


async def test_what_is_refused_leaves_no_trace(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    await write(database, batch(reading(ENERGY)))
    with pytest.raises(ConfigurationError):
        await accept(database, accepted(5, hall="two"), changed(unit="m3"))
    assert len(await list_config_revisions(database, limit=10)) == 1
    assert len(await list_point_revisions(database, ENERGY, limit=10)) == 1


async def test_without_a_configuration_nothing_is_kept(database: Database) -> None:
    await migrate(database)
    await synchronise(database, SITES, METERS, POINTS)
    assert await fetch(database, "SELECT (SELECT count(*) FROM config_revisions), (SELECT count(*) FROM point_revisions)") == [
        (0, 0)
    ]


async def test_what_a_device_makes_known_has_revisions_too(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    found = Declaration(
        *("EM-30.power", "EM-30", "Line 3", "BER1", None, "electricity", "Power", "active_power", "kW", "gauge"),
        *("spBv1.0/P/DDATA/line-3/EM-30 Power", "W", None),
    )
    for declared in (found, found, found._replace(source_unit="kW")):
        await write(database, Batch("hall-1", declarations=[declared]))
    rows = await list_point_revisions(database, "EM-30.power", limit=10)
    assert [row.source_unit for row in rows] == ["kW", "W"]
    assert rows[1].config_revision == (await list_config_revisions(database, limit=1))[0].id


async def test_a_device_does_not_revise_what_a_file_names(database: Database) -> None:
    await accept(database, accepted(0, hall="one"), [point(POWER, "kW", Kind.GAUGE)])
    declared = Declaration(
        *(POWER, "EM-01", "mine", "BER1", None, "electricity", "mine", "active_power", "kW", "gauge", "elsewhere", "W", None)
    )
    await write(database, Batch("hall-1", declarations=[declared]))
    assert [row.source for row in await list_point_revisions(database, POWER, limit=10)] == ["input 72"]


def moved(**fields: object) -> list[MeterRow]:
    return [replace(one, **fields) if one.id == "EM-01" else one for one in METERS]  # type: ignore[arg-type]  # fields by name


async def standings(database: Database, meter: str) -> list[MeterRevision]:
    async with database.connection() as connection:
        return [row for row in await read_meter_revisions(connection) if row.meter == meter]


async def test_where_a_meter_stands_and_what_pays_for_it_is_written_down_once_per_change(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    for minute, meters in ((5, moved(area="hall-2")), (6, moved(area="hall-2", cost_centre="4711")), (7, METERS)):
        await synchronise(database, SITES, meters, POINTS, accepted=accepted(minute, hall=f"{minute}"))
        await synchronise(database, SITES, meters, POINTS, accepted=accepted(minute, hall=f"{minute}"))
    rows = await standings(database, "EM-01")
    assert [(row.valid_from, row.area, row.cost_centre) for row in rows] == [
        (at(0), "hall-1", None), (at(5), "hall-2", None), (at(6), "hall-2", "4711"), (at(7), "hall-1", None),
    ]  # fmt: skip
    assert [row.config_revision is not None and row.active for row in rows] == [True] * 4
    assert [row.valid_from for row in await standings(database, "WM-02")] == [at(0)]


async def test_a_meter_that_goes_and_comes_back_has_it_written_down(database: Database) -> None:
    await accept(database, accepted(0, hall="one"))
    others = [point for point in POINTS if point.meter_id != "EM-01"], [meter for meter in METERS if meter.id != "EM-01"]
    await synchronise(database, SITES, others[1], others[0], accepted=accepted(5, hall="two"))
    await accept(database, accepted(9, hall="one"))
    assert [(row.valid_from, row.active) for row in await standings(database, "EM-01")] == [
        (at(0), True), (at(5), False), (at(9), True),
    ]  # fmt: skip
