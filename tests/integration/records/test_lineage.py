"""From a record down to its raw readings, and back (R1)."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import httpx
import pytest
from pydantic import BaseModel
from record_api import Clients, open_clients
from record_plant import APRIL, BERLIN, ENERGY, MARCH, METERS, POINTS, SITES, SUB, Plant, point

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.inputs.sources import Sources
from ems_telemetry.records.keeping.making import draft, keep
from ems_telemetry.records.keeping.retention import claims_on, read_needed_times
from ems_telemetry.records.kinds import RecordQuality, RecordType
from ems_telemetry.records.method import Asked, Figure, PlanItem
from ems_telemetry.records.methods import METHODS
from ems_telemetry.storage.records import RecordFilter
from ems_telemetry.storage.registry import MeterRow, synchronise

API = "/api/v1"
VIRTUAL_METER = MeterRow("VM-01", "BER1", None, "Both", "electricity", "plant")
VIRTUAL = point("VM-01.energy", "active_energy_import", "kWh")
_FILL = """
    INSERT INTO readings (time, point_id, value, quality, flags, source_status, received_at)
    SELECT t, %s, extract(epoch FROM t) / 3600, 192, 0, 0, t + interval '1 second'
    FROM generate_series(%s::timestamptz, %s::timestamptz - interval '1 hour', '1 hour') t"""

_MEANING = """
    INSERT INTO point_revisions
        (point_id, valid_from, active, quantity, unit, kind, source, source_unit, scale, "offset", definition)
    VALUES
        (%s, '2026-01-01Z', true, 'active_energy_import', 'kWh', 'counter', 'register 40', 'kWh', 0.1, 0, '{"scale": 0.1}')"""


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


async def read_hourly(plant: Plant, key: str, start: datetime, end: datetime) -> None:
    async with plant.database.connection() as connection:
        await connection.execute(_FILL, (plant.ids[key], start, end))


async def mean(plant: Plant, key: str) -> None:
    async with plant.database.connection() as connection:
        await connection.execute(_MEANING, (plant.ids[key],))


async def closed(plant: Plant) -> str:
    """March is read every hour, measured and closed; gives the id of its record."""
    await mean(plant, ENERGY)
    await read_hourly(plant, ENERGY, MARCH, APRIL)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    body = {"serial": "A123", "meters": ["EM-01"]}
    await plant.state("instrument", "A123", body, since=MARCH - timedelta(days=30))
    at = MARCH - timedelta(days=20)
    check = {"instrument": "A123", "at": at.isoformat(), "result": "pass", "certificate": "K-118"}
    await plant.state("calibration", "C-7", check, since=at)
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    (record,) = await plant.records("period_total")
    return str(record.id)


async def get(client: httpx.AsyncClient, path: str, **asked: object) -> dict[str, Any]:
    answer = await client.get(f"{API}/records{path}", params={name: str(value) for name, value in asked.items()})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_one_request_leads_from_the_figure_to_the_raw_readings(plant: Plant, clients: Clients) -> None:
    record = await closed(plant)
    tree = await get(clients.alice, f"/{record}/lineage", depth="raw", rows=3)
    assert (tree["record"]["value"], tree["method"]["id"]) == ("74300", "period_total@1")
    assert "sum of the increments" in tree["method"]["formula"]
    (intervals,) = tree["intervals"]
    assert (intervals["point"], intervals["period"], intervals["rows"], intervals["same"]) == (ENERGY, "1d", 31, True)
    (raw,) = tree["raw"]
    assert (raw["readings"], raw["digests_hold"], raw["same"], len(raw["days"]), len(raw["rows"])) == (743, True, True, 31, 3)
    assert [raw[end]["time"] for end in ("first", "last")] == ["2026-02-28T23:00:00Z", "2026-03-31T21:00:00Z"]
    assert sum(day["readings"] for day in raw["days"]) == 743
    assert [day["readings"] for day in raw["days"]].count(23) == 1  # the clock was put forward on the 29th
    (meaning,) = tree["meanings"]
    assert (meaning["point"], meaning["same"], meaning["meaning"]["unit"]) == (ENERGY, True, "kWh")
    facts = {fact["id"]: fact for fact in tree["facts"]}
    assert facts["C-7"]["body"]["certificate"] == "K-118"
    assert all(fact["same"] for fact in facts.values())
    assert [(event["actor_name"], event["reason"]) for event in facts["C-7"]["events"]] == [("Alice", "for a test")]
    assert [event["action"] for event in tree["events"]] == ["record.finalised"]
    assert (await get(clients.alice, f"/{record}/lineage"))["raw"] == []
    assert (await clients.munich.get(f"{API}/records/{record}/lineage")).status_code == 404


async def test_what_changed_below_a_record_is_told_with_its_day(plant: Plant, clients: Clients) -> None:
    record = await closed(plant)
    changed = MARCH + timedelta(days=9, hours=5)
    async with plant.database.connection() as connection:
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute("UPDATE readings SET value = value + 1 WHERE time = %s", (changed,))
    unverified = await get(clients.alice, f"/{record}/lineage", depth="raw")
    assert unverified["raw"][0]["same"] is True
    (raw,) = (await get(clients.alice, f"/{record}/lineage", depth="raw", verify="true"))["raw"]
    assert (raw["same"], raw["verified"], raw["digests_hold"]) == (False, True, True)
    assert [day["start"] for day in raw["days"] if not day["same"]] == ["2026-03-09T23:00:00Z"]
    await plant.measure(ENERGY, MARCH, APRIL, "75043")
    assert (await get(clients.alice, f"/{record}/lineage"))["intervals"][0]["same"] is False


async def test_an_old_revision_is_told_as_it_was_after_data_came_late(plant: Plant, clients: Clients) -> None:
    record = await closed(plant)
    plant.go_to(APRIL + timedelta(days=20))
    late = MARCH + timedelta(days=9, minutes=30)
    await read_hourly(plant, ENERGY, late, late + timedelta(hours=1))
    await plant.measure(ENERGY, MARCH, APRIL, "75043")
    await plant.catch_up()
    first = await get(clients.alice, f"/{record}/lineage", depth="raw", revision=1)
    newest = await get(clients.alice, f"/{record}/lineage", depth="raw")
    assert (first["raw"][0]["readings"], newest["raw"][0]["readings"]) == (743, 744)
    assert first["raw"][0]["digests_hold"] is newest["raw"][0]["digests_hold"] is True
    (day,) = [day for day in first["raw"][0]["days"] if not day["same"]]
    assert (day["readings"], day["readings_now"]) == (24, 25)
    assert [event["action"] for event in newest["events"]] == ["record.finalised", "record.amended"]


async def test_dependents_of_a_point_an_instrument_and_a_calibration(plant: Plant, clients: Clients) -> None:
    record = await closed(plant)
    for asked in ({"point": ENERGY}, {"kind": "instrument", "id": "A123"}, {"kind": "calibration", "id": "C-7"}):
        items = (await get(clients.alice, "/dependents", **asked))["items"]
        assert [item["record_id"] for item in items if item["type"] == "period_total"] == [record], asked
        assert (await get(clients.alice, "/dependents", **asked, to="2026-02-01T00:00:00Z"))["items"] == []
        assert (await get(clients.munich, "/dependents", **asked))["items"] == []
    assert (await get(clients.alice, "/dependents", point=SUB))["items"] == []
    assert (await get(clients.alice, "/dependents", record=record))["items"] == []
    for asked in ({}, {"kind": "instrument"}, {"point": ENERGY, "record": record}):
        refused = await clients.alice.get(f"{API}/records/dependents", params=asked)
        assert (refused.status_code, "name one thing" in refused.json()["detail"]) == (422, True)


class SumOfRecords:
    """Adds up the totals of a site: a record made of records."""

    name, version, record = "sum_of_records", 1, RecordType.METER_BALANCE
    formula = "The sum of the totals."
    params: type[BaseModel] = BaseModel

    async def gather(self, sources: Sources, asked: Asked) -> dict[str, Any]:
        wanted = RecordFilter(type="period_total", site=asked.item.site, since=asked.start, until=asked.end)
        return {"values": [row.value for row in await sources.records(wanted)]}

    def compute(self, inputs: Mapping[str, Any]) -> Figure:
        return Figure(sum(map(Decimal, inputs["values"]), Decimal(0)), "kWh", RecordQuality.GOOD)


async def test_a_record_made_of_records_leads_to_the_readings_of_each_and_back(plant: Plant, clients: Clients) -> None:
    total = await closed(plant)
    item = PlanItem("sum", 1, "BER1", "BER1", "sum_of_records@1", Period.MONTH, {})
    methods = {**METHODS, "sum_of_records@1": SumOfRecords()}
    async with plant.database.connection() as connection:
        made = await draft(connection, Asked(item, MARCH, APRIL, BERLIN), plant.clock.now(), methods)
        kept = await keep(connection, made, None, "closed", plant.clock.now())
    assert kept is not None
    tree = await get(clients.alice, f"/{kept.id}/lineage", depth="raw")
    assert (tree["record"]["value"], tree["raw"], tree["left_out"]) == ("74300", [], [])
    (below,) = tree["records"]
    assert (below["record"]["record_id"], below["raw"][0]["readings"]) == (total, 743)
    (above,) = (await get(clients.alice, "/dependents", record=total))["items"]
    assert above["record_id"] == str(kept.id)
    async with plant.database.connection() as connection:
        claims = await claims_on(connection, MARCH, APRIL, plant.clock.now())
        assert {kept.id, UUID(total)} <= {claim.need.id for claim in claims.records}
        far = datetime(2100, 1, 1, tzinfo=UTC)
        assert not (await read_needed_times(connection, far))(MARCH, APRIL)


async def test_a_virtual_point_leads_to_the_readings_of_those_it_is_computed_from(plant: Plant, clients: Clients) -> None:
    both = replace(VIRTUAL, expression=f"{ENERGY} + {SUB}")
    ids = await synchronise(plant.database, SITES, [*METERS, VIRTUAL_METER], [*POINTS, both])
    plant.ids = ids
    for key in (ENERGY, SUB):
        await read_hourly(plant, key, MARCH, APRIL)
    await plant.state("instrument", "A123", {"serial": "A123", "meters": ["EM-02"]}, since=MARCH - timedelta(days=30))
    await plant.measure(both.key, MARCH, APRIL, "2976")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    (record,) = await plant.records("period_total", scope=both.key)
    tree = await get(clients.alice, f"/{record.id}/lineage", depth="raw")
    assert [(raw["point"], raw["readings"]) for raw in tree["raw"]] == [(ENERGY, 743), (SUB, 743)]
    assert [fact["id"] for fact in tree["facts"]] == ["A123"]
    assert record.flags == ["not_calibrated"]
