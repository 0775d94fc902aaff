"""Records are made after those that they are made of, and no statement makes a record of itself."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.intervals.calendar import Period
from ems_telemetry.records.keeping.order import find_circle, levels_of
from ems_telemetry.records.method import PlanItem
from ems_telemetry.records.plan import Planned
from ems_telemetry.storage.entries import EntryRow, NewEntry

MARCH, APRIL, MAY = (datetime(2026, month, 1, tzinfo=UTC) for month in (3, 4, 5))
TOTAL = {"method": "period_total@1", "params": {"point": "EM-01.energy_import"}}


def judging(limit: str) -> dict[str, Any]:
    return {"method": "compliance@1", "params": {"limit": limit}}


def emitting(plan: str) -> dict[str, Any]:
    return {"method": "emission_mass@1", "params": {"emission": plan, "flow": {"point": "CEMS-01.flow"}}}


def share_of(plan: str) -> dict[str, Any]:
    params = {"aspect": "energy", "points": ["EM-01.energy_import"], "total": {"plan": plan}}
    return {"method": "aspect_magnitude@1", "params": params}


def planned(id_: str, body: Mapping[str, Any]) -> Planned:
    item = PlanItem(id_, 1, "BER1", id_, body["method"], Period.MONTH, body["params"])
    return Planned(item, ZoneInfo("UTC"), MARCH, None)


def stated(kind: str, id_: str, body: Mapping[str, Any], since: datetime | None = MARCH, revision: int = 1) -> EntryRow:
    return EntryRow(kind, id_, revision, 1, "BER1", since, None, body, "key:a", "A", "why", MARCH, "")


def new(
    kind: str, id_: str, body: Mapping[str, Any], since: datetime | None = MARCH, until: datetime | None = None
) -> NewEntry:
    return NewEntry(kind, id_, "BER1", since, until, body, "why")


def test_an_item_stands_above_those_that_it_is_made_of_through_limits_too() -> None:
    limits = [stated("limit", "L-1", {"plan": "C"}), stated("limit", "L-2", {"plan": None})]
    plan = [planned("A", share_of("B")), planned("B", judging("L-1")), planned("C", TOTAL), planned("D", judging("L-2"))]
    levels = levels_of(plan, limits)
    assert levels["C"] < levels["B"] < levels["A"]
    assert levels["D"] == 1  # above its limit alone


def test_what_seems_to_depend_on_itself_comes_last_and_all_else_in_order() -> None:
    plan = [planned("A", share_of("B")), planned("B", share_of("A")), planned("C", share_of("D")), planned("D", TOTAL)]
    levels = levels_of(plan, [])
    assert levels["D"] < levels["C"] < levels["A"] == levels["B"]


@given(st.permutations("ABCDEFGH"), st.lists(st.integers(0, 7), min_size=8, max_size=8))
def test_whatever_names_only_what_is_below_it_stands_above_that(order: Sequence[str], drawn: Sequence[int]) -> None:
    named = {id_: order[drawn[place] % place] if place else "" for place, id_ in enumerate(order)}
    levels = levels_of([planned(id_, share_of(other) if other else TOTAL) for id_, other in sorted(named.items())], [])
    assert all(levels[other] < levels[id_] for id_, other in named.items() if other)


def test_parameters_that_the_method_does_not_take_name_nothing() -> None:
    assert levels_of([planned("A", {"method": "compliance@1", "params": {"limits": 3}})], []) == {"A": 0}
    assert levels_of([planned("A", {"method": "no_such@1", "params": {"limit": "L"}})], []) == {"A": 0}


def test_an_item_that_is_made_of_itself_is_a_circle() -> None:
    assert find_circle([], new("plan", "A", share_of("A"))) == [("plan", "A"), ("plan", "A")]


def test_a_circle_through_a_limit_is_told_in_its_order() -> None:
    rows = [stated("limit", "L-1", {"plan": "A"}), stated("plan", "A", share_of("B"))]
    assert find_circle(rows, new("plan", "B", judging("L-1"))) == [
        ("plan", "B"), ("limit", "L-1"), ("plan", "A"), ("plan", "B"),
    ]  # fmt: skip
    rows = [stated("plan", "A", share_of("B")), stated("plan", "B", judging("L-1"))]
    assert find_circle(rows, new("limit", "L-1", {"plan": "A"})) == [
        ("limit", "L-1"), ("plan", "A"), ("plan", "B"), ("limit", "L-1"),
    ]  # fmt: skip


def test_a_chain_is_no_circle_and_two_ways_to_one_item_are_none_either() -> None:
    rows = [stated("plan", "A", TOTAL), stated("plan", "B", emitting("A")), stated("limit", "L-1", {"plan": "A"})]
    assert find_circle(rows, new("plan", "A", emitting("B"))) != []
    assert find_circle(rows, new("plan", "C", share_of("B"))) == []
    assert find_circle([*rows, stated("plan", "C", share_of("B"))], new("plan", "D", judging("L-1"))) == []


def test_what_named_each_other_at_different_times_is_no_circle() -> None:
    rows = [stated("plan", "A", share_of("B")), stated("plan", "A", TOTAL, APRIL, 2)]
    assert find_circle(rows, new("plan", "B", share_of("A"), APRIL)) == []
    assert find_circle(rows, new("plan", "B", share_of("A"), MARCH, APRIL)) != []
    assert find_circle(rows, new("plan", "B", share_of("A"), APRIL - timedelta(days=1))) != []


def test_a_circle_that_closes_only_later_is_found() -> None:
    rows = [stated("plan", "A", TOTAL), stated("plan", "A", share_of("B"), MAY, 2)]
    assert find_circle(rows, new("plan", "B", share_of("A"), MARCH)) != []
    assert find_circle(rows, new("plan", "B", share_of("A"), MARCH, MAY)) == []
    assert find_circle(rows, new("plan", "B", share_of("A"), None)) != []


def test_what_was_rejected_or_voided_closes_no_circle() -> None:
    gone = [stated("plan", "A", share_of("B"))._replace(decisions=(decision,)) for decision in ("rejected", "voided")]
    assert [find_circle([row], new("plan", "B", share_of("A"))) for row in gone] == [[], []]
