from datetime import timedelta
from decimal import Decimal

import pytest
from permits import PERMIT
from record_plant import APRIL, ENERGY, MARCH, Plant

from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import find_record, list_revisions

MONTH = f"total/{ENERGY}/1mo"


@pytest.fixture
async def plant(any_plant: Plant) -> Plant:
    return any_plant


async def closed(plant: Plant, total: str = "74300") -> None:
    """March is measured and closed."""
    await plant.measure(ENERGY, MARCH, APRIL, total)
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()


async def test_a_month_is_closed_when_its_grace_is_over(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=6))
    assert await plant.keeper.catch_up() == 0
    plant.go_to(APRIL + timedelta(days=8))  # the first of April 2026 is a Wednesday
    assert await plant.keeper.close_due() == 2  # the total, and how complete it is
    (record,) = await plant.records("period_total")
    assert (record.plan, record.revision, record.status, record.unit) == (MONTH, 1, "final", "kWh")
    assert record.value == 74300
    assert record.quality == "good"
    assert await plant.keeper.catch_up() == 0


async def test_cr_51_late_data_amends_and_the_old_figure_stays_readable(plant: Plant) -> None:
    await closed(plant, "71500")
    (before,) = await plant.records("period_total")
    plant.go_to(APRIL + timedelta(days=20))
    seen_at = plant.clock.now()
    plant.go_to(APRIL + timedelta(days=21))
    await plant.measure(ENERGY, MARCH, APRIL, "71800")
    assert await plant.keeper.catch_up() == 2
    (after,) = await plant.records("period_total")
    assert (after.revision, after.status, after.envelope["reason"]) == (2, "amended", "late_data")
    assert after.envelope["previous_hash"] == before.hash
    assert after.value == 71800
    (then,) = await plant.records("period_total", as_of=seen_at)
    assert (then.revision, then.hash) == (1, before.hash)
    assert then.value == 71500


async def test_cr_55_recomputing_gives_the_same_to_the_last_digit_although_data_came_late(plant: Plant) -> None:
    await closed(plant)
    plant.go_to(APRIL + timedelta(days=21))
    await plant.measure(ENERGY, MARCH, APRIL, "75043.123456789012")
    await plant.keeper.catch_up()
    (newest,) = await plant.records("period_total")
    async with plant.database.connection() as connection:
        for row in await list_revisions(connection, newest.id):
            again = await recompute(connection, row, asked_of(row))
            assert again.equal
            assert again.stored["value"] is not None


async def test_a_month_with_a_hole_has_no_total_and_says_what_is_known(plant: Plant) -> None:
    hole = MARCH + timedelta(days=10)
    await plant.measure(ENERGY, MARCH, APRIL, "74300", hole=(hole, hole + timedelta(days=1)))
    plant.go_to(APRIL + timedelta(days=12))
    await plant.keeper.catch_up()
    (record,) = await plant.records("period_total")
    assert (record.value, record.quality) == (None, "missing")
    assert "missing" in record.flags
    assert record.envelope["details"]["known"] == "71900"
    assert round(Decimal(record.envelope["details"]["missing_percent"]), 2) == Decimal("3.23")


async def test_a_substitution_fills_the_hole_and_is_told_apart(plant: Plant) -> None:
    hole = MARCH + timedelta(days=10)
    await plant.measure(ENERGY, MARCH, APRIL, "74300", hole=(hole, hole + timedelta(days=1)))
    plant.go_to(APRIL + timedelta(days=12))
    await plant.keeper.catch_up()
    span = {"from": hole.isoformat(), "to": (hole + timedelta(days=1)).isoformat()}
    body = {"point": ENERGY, **span, "value": "2400", "method": "by_hand@1", "cause": "meter exchanged"}
    await plant.state("substitution", "S-1", body, since=hole, until=hole + timedelta(days=1))
    assert await plant.keeper.catch_up() == 2
    (record,) = await plant.records("period_total")
    details = record.envelope["details"]
    assert (record.revision, record.envelope["reason"], record.quality) == (2, "substitution_changed", "estimated")
    assert "substituted" in record.flags
    assert (details["measured"], details["substituted"]) == ("71900", "2400")
    assert record.value == 74300
    assert record.measured is not None
    assert record.measured < 100


async def test_what_is_not_computed_yet_is_not_closed(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, MARCH + timedelta(days=20), "50000")
    plant.go_to(APRIL + timedelta(days=12))
    assert await plant.keeper.catch_up() == 0


async def test_every_record_is_in_the_chain_and_names_its_inputs(plant: Plant) -> None:
    await closed(plant)
    (record,) = await plant.records("period_total")
    async with plant.database.connection() as connection:
        found = await find_record(connection, record.id)
        cursor = await connection.execute("SELECT after_hash FROM audit_events WHERE seq = %s", (record.seq,))
        assert await cursor.fetchone() == (record.hash,)
    assert found is not None
    assert {ref["kind"] for ref in found.envelope["inputs"]} >= {"interval", "raw"}


async def test_a_correction_moved_to_another_day_leaves_the_day_it_was_wrongly_given_for(plant: Plant) -> None:
    await closed(plant)
    day = MARCH + timedelta(days=10)
    seen = []
    for start in (day, MARCH - timedelta(days=2)):
        span = {"from": start.isoformat(), "to": (start + timedelta(days=1)).isoformat()}
        await plant.state("correction", "C-1", {"point": ENERGY, **span, "value": "2500", "class": "typing_error"})
        await plant.catch_up()
        (record,) = await plant.records("period_total", since=MARCH, until=APRIL)
        seen.append((record.value, record.revision, "corrected" in record.flags))
    assert seen == [(Decimal(74400), 2, True), (Decimal(74300), 3, False)]


async def test_one_item_with_an_unknown_method_or_wrong_parameters_holds_up_no_other(plant: Plant) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.state("plan", "A-unknown", {"method": "no_such@1", "scope": "BER1"}, since=MARCH)
    await plant.state("plan", "A-wrong", {"method": "period_total@1", "scope": "x", "params": {"meter": "EM-01"}}, since=MARCH)
    plant.go_to(APRIL + timedelta(days=12))
    while await plant.keeper.catch_up():
        pass
    records = {record.plan: record for record in await plant.records("period_total")}
    assert records[MONTH].value == 74300
    assert records["A-wrong"].value is None
    assert '"point" of the plan item A-wrong' in records["A-wrong"].envelope["details"]["refused"]
    assert await plant.records("energy") == []


async def chain_of_three(plant: Plant) -> None:
    """Plans a total, its evaluation, and the evaluation of that, whose ids are in the opposite order."""
    await plant.state("obligation", "O-1", PERMIT, since=MARCH)
    items = [("C", "period_total@1", {"point": ENERGY}), ("B", "compliance@1", {"limit": "L-C"})]
    for id_, method, params in [*items, ("A", "compliance@1", {"limit": "L-B"})]:
        await plant.state("plan", id_, {"method": method, "scope": id_, "period": "1mo", "params": params}, since=MARCH)
    for judged in "BC":
        body = {
            "obligation": "O-1", "parameter": "energy", "plan": judged, "unit": "kWh", "statistic": "total", "value": "1e6",
            "required_percent": "100",
        }  # fmt: skip
        await plant.state("limit", f"L-{judged}", body, since=MARCH)


async def test_a_chain_of_three_is_made_and_amended_in_one_pass_each(plant: Plant) -> None:
    await plant.expect_nothing()
    await chain_of_three(plant)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    assert await plant.keeper.catch_up() == 4  # with the total that is planned without asking
    plant.go_to(APRIL + timedelta(days=20))
    await plant.measure(ENERGY, MARCH, APRIL, "75043")
    assert await plant.keeper.catch_up() == 4
    assert await plant.keeper.catch_up() == 0
    evaluations = await plant.records("compliance_evaluation")
    assert {(row.plan, row.revision, row.value) for row in evaluations} == {
        ("A", 2, Decimal(75043)), ("B", 2, Decimal(75043)),
    }  # fmt: skip
