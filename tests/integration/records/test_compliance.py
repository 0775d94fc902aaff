"""Evaluations of limits, from intervals to the record that is kept."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from permits import HALF_HOURS, close_day, day, permit
from record_plant import APRIL, ENERGY, MARCH, NOX, PH, QUARTER, STATE, Plant

from ems_telemetry.records.keeping.making import recompute
from ems_telemetry.records.rows import asked_of
from ems_telemetry.storage.records import RecordRow, find_record

TYPE = "compliance_evaluation"


async def evaluated(plant: Plant) -> tuple[RecordRow, dict[str, Any]]:
    (record,) = await plant.records(TYPE)
    return record, record.envelope["details"]


async def test_cr_30_forty_percent_of_a_day_below_the_limit_is_indeterminate(plant: Plant) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, day(*["187"] * 19, fill=None))
    await close_day(plant)
    record, details = await evaluated(plant)
    assert (record.scope, record.method, record.status, record.unit) == ("L-1", "compliance@1", "final", "mg/Nm3")
    assert (details["result"], details["valid"], details["invalid"], details["required"]) == ("indeterminate", 19, 29, 36)
    assert (record.value, details["limit"], details["margin_percent"]) == (Decimal(187), "200", "6.5")
    assert {ref["kind"] for ref in record.envelope["inputs"]} >= {"limit", "obligation", "interval", "raw"}
    assert ("ISO 14001", "9.1.2") in {(each["standard"], each["clause"]) for each in record.envelope["clause"]}


async def test_cr_30_forty_percent_of_a_day_with_one_exceedance_is_non_compliant(plant: Plant) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, day(*["187"] * 18, "201", fill=None))
    await close_day(plant)
    record, details = await evaluated(plant)
    assert (details["result"], record.value) == ("non_compliant", Decimal(201))
    (event,) = details["exceedances"]
    assert (event["duration_minutes"], event["peak"], event["count"], event["cut"]) == (30, "201", 1, True)


async def test_a_limit_revised_within_the_period_judges_each_part_by_its_own_revision(plant: Plant) -> None:
    await permit(plant, every="1mo")
    middle = MARCH + timedelta(days=15)
    await plant.state("limit", "L-1", HALF_HOURS | {"value": "140"}, since=middle)
    await plant.show(NOX, MARCH, ["150"] * ((APRIL - MARCH) // QUARTER))
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    record, details = await evaluated(plant)
    assert [(each["limit_revision"], each["result"], each["limit"]) for each in details["parts"]] == [
        (1, "compliant", "200"),
        (2, "non_compliant", "140"),
    ]
    assert (details["result"], [each["start"] for each in details["exceedances"]]) == (
        "non_compliant", [middle.isoformat().replace("+00:00", "Z")],
    )  # fmt: skip
    assert [(ref["id"], ref["revision"]) for ref in record.envelope["inputs"] if ref["kind"] == "limit"] == [
        ("L-1", 1),
        ("L-1", 2),
    ]


async def test_late_data_turns_compliant_into_non_compliant_as_a_second_revision(plant: Plant) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, day("187", None))
    await close_day(plant)
    before, details = await evaluated(plant)
    assert (details["result"], before.revision) == ("compliant", 1)
    plant.go_to(MARCH + timedelta(days=9))
    await plant.show(NOX, MARCH, day("187", "233"))
    assert await plant.catch_up() == 1
    after, details = await evaluated(plant)
    assert (after.revision, after.status, after.envelope["reason"]) == (2, "amended", "late_data")
    assert (details["result"], after.value, after.envelope["previous_hash"]) == ("non_compliant", Decimal(233), before.hash)
    async with plant.database.connection() as connection:
        for revision in (1, 2):
            row = await find_record(connection, after.id, revision=revision)
            assert row is not None
            assert (await recompute(connection, row, asked_of(row))).equal


async def test_cr_35_ph_is_judged_by_least_and_greatest_although_it_has_no_mean(plant: Plant) -> None:
    said: dict[str, Any] = {
        "statistic": "ph_excursions",
        "value": None,
        "values": {"low": "6", "high": "9"},
        "ph_profile": "ph_401_17@1",
    }
    await permit(plant, **said, point=PH, unit="pH", parameter="pH", block_validity=None)
    await plant.show(PH, MARCH, day("7", "5.5", "5.5", "7", "9.5", fill="8"))
    await close_day(plant)
    record, details = await evaluated(plant)
    assert (record.value, record.unit, details["result"], details["valid"]) == (Decimal(60), "min", "compliant", 96)
    wrong = MARCH + timedelta(minutes=90)
    body = {"point": PH, "from": wrong.isoformat(), "to": (wrong + QUARTER).isoformat(), "value": "5", "class": "calibration"}
    await plant.state("correction", "C-1", body, since=wrong, until=wrong + QUARTER)
    await plant.catch_up()
    record, details = await evaluated(plant)
    assert [(each["duration_minutes"], each["peak"]) for each in details["exceedances"]] == [(75, "5")]
    assert (record.value, details["result"]) == (Decimal(75), "non_compliant")


async def test_a_correction_evaluates_again_and_a_substitute_does_not_count_as_measured(plant: Plant) -> None:
    await permit(plant, required_percent="100")
    await plant.show(NOX, MARCH, day("187", "900", None))
    await close_day(plant)
    assert [details["result"] for _, details in [await evaluated(plant)]] == ["non_compliant"]
    first, second, third = (MARCH + place * timedelta(minutes=30) for place in (1, 2, 3))
    wrong = {"point": NOX, "from": first.isoformat(), "to": second.isoformat(), "value": "190", "class": "typing_error"}
    await plant.state("correction", "C-1", wrong, since=first, until=second)
    filled = {
        "point": NOX,
        "from": second.isoformat(),
        "to": third.isoformat(),
        "value": "999",
        "method": "m@1",
        "cause": "gap",
    }
    await plant.state("substitution", "S-1", filled, since=second, until=third)
    await plant.catch_up()
    record, details = await evaluated(plant)
    assert (record.revision, record.value, details["result"]) == (2, Decimal(190), "indeterminate")
    assert (details["valid"], details["invalid"], details["substituted_quarters"], record.quality) == (47, 1, 2, "estimated")
    assert {"corrected", "substituted"} <= set(record.flags)


async def test_a_limit_that_is_lowered_later_evaluates_again(plant: Plant) -> None:
    await permit(plant)
    await plant.show(NOX, MARCH, day())
    await close_day(plant)
    await plant.state("limit", "L-1", HALF_HOURS | {"value": "140"}, since=MARCH)
    assert await plant.catch_up() == 1
    record, details = await evaluated(plant)
    assert (record.revision, record.envelope["reason"], details["result"]) == (2, "limit_changed", "non_compliant")


async def test_start_up_is_told_and_not_counted_and_a_day_off_is_not_applicable(plant: Plant) -> None:
    states = {"off": [0], "run": [1], "startup": [2]}
    await permit(plant, state_point=STATE, states=states, off_states=["off"], exclude_states=["startup"])
    await plant.show(NOX, MARCH, [*day("300"), *day(fill=None)])
    await plant.show(STATE, MARCH, [*day("2", fill="1"), *day(fill="0")])
    await close_day(plant, MARCH + timedelta(days=1))
    first, second = (row.envelope["details"] for row in await plant.records(TYPE))
    assert (first["result"], first["exceedances"], first["excluded"]) == ("compliant", [], 1)
    assert [(each["value"], each["state"]) for each in first["excluded_exceedances"]] == [("300", "startup")]
    assert (second["result"], second["not_operating"]) == ("not_applicable", 48)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"unit": "kg"}, "ST-01.nox is in mg/Nm3"),
        ({"obligation": "O-9"}, 'no obligation "O-9" is in force'),
        ({"statistic": "total", "block_validity": None}, "has no total"),
        ({"point": PH, "unit": "pH"}, "have no plain mean"),
        ({"statistic": "daily_max", "block_validity": None}, "needs `block_validity` and `day_validity`"),
    ],
)
async def test_what_cannot_be_judged_says_why(plant: Plant, said: dict[str, Any], words: str) -> None:
    await permit(plant, **said)
    await plant.show(NOX, MARCH, day())
    await close_day(plant)
    record, details = await evaluated(plant)
    assert (record.value, record.flags) == (None, ["cannot_compute"])
    assert words in details["refused"]


async def test_without_a_limit_in_force_there_is_no_evaluation_but_the_reason(plant: Plant) -> None:
    await permit(plant)
    await plant.state(
        "plan", "P-2", {"method": "compliance@1", "scope": "L-2", "period": "1d", "params": {"limit": "L-2"}}, since=MARCH
    )
    await plant.show(NOX, MARCH, day())
    await close_day(plant)
    reasons = [row.envelope["details"].get("refused", "") for row in await plant.records(TYPE, scope="L-2")]
    assert ['no limit "L-2" of BER1 is in force' in each for each in reasons] == [True]


async def test_a_total_of_a_months_record_is_judged_once_that_record_is_kept(plant: Plant) -> None:
    await plant.state(
        "plan", "E-1", {"method": "period_total@1", "scope": ENERGY, "period": "1mo", "params": {"point": ENERGY}}, since=MARCH
    )
    body: dict[str, Any] = {
        "statistic": "total",
        "plan": "E-1",
        "point": None,
        "block_validity": None,
        "unit": "kWh",
        "value": "70000",
    }
    await permit(plant, every="1mo", **body)
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    record, details = await evaluated(plant)
    assert (record.revision, record.value, details["result"]) == (1, Decimal(74300), "non_compliant")
    assert any(ref["kind"] == "record" for ref in record.envelope["inputs"])
    plant.go_to(APRIL + timedelta(days=20))
    await plant.measure(ENERGY, MARCH, APRIL, "66870")
    await plant.catch_up()
    record, details = await evaluated(plant)
    assert (record.revision, record.value, details["result"]) == (2, Decimal(66870), "compliant")


async def test_an_exceedance_over_midnight_is_two_that_tell_of_each_other_and_an_amendment_parts_them(plant: Plant) -> None:
    await permit(plant)
    night = [*day()[:-2], "230", "230", *day("240"), *day()]
    await plant.show(NOX, MARCH, night)
    await close_day(plant, MARCH + timedelta(days=2))
    rows = await plant.records(TYPE)
    (before,), (after,), third = (row.envelope["details"]["exceedances"] for row in rows)
    assert (before["open_at_end"], after["continues"], "open_at_end" in after, third) == (True, before["id"], False, [])
    made_of = [[ref["id"] for ref in row.envelope["inputs"] if ref["kind"] == "record"] for row in rows]
    assert made_of == [[], [str(rows[0].id)], []]
    plant.go_to(MARCH + timedelta(days=9))
    await plant.show(NOX, MARCH, [*day(), *night[96:]])
    assert await plant.keeper.catch_up() == 2
    amended = await plant.records(TYPE)
    assert [row.revision for row in amended] == [2, 2, 1]
    (alone,) = amended[1].envelope["details"]["exceedances"]
    assert alone == {name: said for name, said in after.items() if name != "continues"}
    async with plant.database.connection() as connection:
        for row in [*rows, *amended]:
            assert (await recompute(connection, row, asked_of(row))).equal
