from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from record_plant import APRIL, ENERGY, MARCH, MAY, QUARTER, Plant

from ems_telemetry.model import Gap
from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import RecordRow
from ems_telemetry.storage.storing import store_gaps

HOLE = (MARCH + timedelta(days=10), MARCH + timedelta(days=11))
TIMEOUT = Gap(UUID(int=1), "hand", ENERGY, HOLE[0] + QUARTER / 2, HOLE[1], "timeout", 0)


async def tell(plant: Plant, gap: Gap) -> None:
    """The ledger learns of a gap."""
    async with plant.database.connection() as connection:
        await store_gaps(connection, [gap])


async def march(plant: Plant) -> RecordRow:
    plant.go_to(max(plant.clock.now(), APRIL + timedelta(days=12)))
    await plant.catch_up()
    (record,) = await plant.records("data_gaps", since=MARCH, until=APRIL)
    async with plant.database.connection() as connection:
        assert (await recompute(connection, record, asked_of(record))).equal
    return record


def gap_of(record: RecordRow) -> dict[str, Any]:
    (gap,) = record.envelope["details"]["gaps"]
    assert [datetime.fromisoformat(gap[edge]) for edge in ("start", "end")] == list(HOLE)
    return dict(gap)


async def test_a_gap_has_its_cause_its_substitution_and_who_decided_and_is_gone_when_it_is_filled(plant: Plant) -> None:
    """One gap through its life: told by the ledger, substituted by one person, approved by another, and filled after all."""
    await plant.expect_nothing()
    await plant.measure(ENERGY, MARCH, APRIL, "74300", hole=HOLE)
    await plant.state("plan", "G-1", {"method": "data_gaps@1", "scope": ENERGY, "params": {"point": ENERGY}}, since=MARCH)
    record = await march(plant)
    assert [record.value, record.unit, record.type, record.flags] == [24, "h", "data_gaps", ["missing", "unexplained_gap"]]
    assert {clause["clause"] for clause in record.envelope["clause"]} == {"9.1.1", "66", "98.3(g)"}

    await tell(plant, TIMEOUT)
    record = await march(plant)
    gap = gap_of(record)
    assert [record.revision, record.envelope["reason"], gap["causes"]] == [2, "gap_recorded", ["timeout"]]
    assert gap["ledger"][0]["of"] == ENERGY

    body = {"point": ENERGY, "from": HOLE[0].isoformat(), "to": HOLE[1].isoformat(), "value": "2400", "conservative": True}
    await plant.state("substitution", "S-1", {**body, "method": "by_hand@1", "cause": "meter exchanged", "action": "new meter"})
    record = await march(plant)
    (action,) = gap_of(record)["actions"]
    assert [record.revision, record.value, record.flags] == [3, 24, ["substituted"]]
    told = [action[name] for name in ("id", "amount", "conservative", "stated_by", "decided_by", "action")]
    assert told == ["S-1", "2400", True, "key:alice", ["key:bob"], "new meter"]
    assert record.envelope["details"]["availability_percent"] == record.envelope["details"]["measured_percent"]
    assert record.envelope["details"]["total"] == "74300"

    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    record = await march(plant)
    assert [record.revision, record.value, record.envelope["details"]["gaps"]] == [4, 0, []]
    assert [each["cause"] for each in record.envelope["details"]["filled"]] == ["timeout"]


async def test_a_gap_of_the_connector_is_one_of_its_points_and_how_it_goes_on_later_changes_nothing(plant: Plant) -> None:
    await plant.expect_nothing()
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.state("plan", "G-1", {"method": "data_gaps@1", "scope": ENERGY, "params": {"point": ENERGY}}, since=MARCH)
    whole = Gap(UUID(int=2), "hand", None, APRIL - QUARTER, APRIL + QUARTER, "disconnected", 0, is_open=True)
    await tell(plant, whole)
    record = await march(plant)
    (filled,) = record.envelope["details"]["filled"]
    assert [record.revision, filled["of"], filled["goes_on"]] == [1, "connector hand", True]
    await tell(plant, whole._replace(end=MAY))
    async with plant.database.connection() as connection:
        (marks,) = await (await connection.execute("SELECT count(*) FROM record_marks")).fetchone() or (None,)
    assert marks == 0
    assert (await march(plant)).revision == 1
