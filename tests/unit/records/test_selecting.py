"""Which points a sum is made of: nothing twice, nothing in silence, and by what was said at the time."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ems_telemetry.model import Medium
from ems_telemetry.records.inputs.metering import above
from ems_telemetry.records.inputs.selecting import Carrier, Choice, Selection, select
from ems_telemetry.records.inputs.standings import Configured, Standing, standing_of
from ems_telemetry.storage.point_facts import MeterRevision, PointFacts

pytestmark = pytest.mark.unit

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def said(
    meter: str,
    at: datetime = START - DAY,
    area: str | None = "hall-1",
    parent: str | None = None,
    *,
    active: bool = True,
    medium: str | None = None,
) -> MeterRevision:
    return MeterRevision(meter, at, 1, active, "BER1", area, medium, parent, None)


def counter(
    key: str,
    quantity: str = "active_energy_import",
    *,
    kind: str = "counter",
    expression: str | None = None,
    first: datetime | None = START - DAY,
    ended: datetime | None = None,
) -> PointFacts:
    stands = (1, key, key.partition(".")[0], "BER1", None, "Europe/Berlin", None, quantity, "kWh", kind, "sum")
    return PointFacts(*stands, ended is None, None, expression, ended or END + DAY, None, first)


def choose(asked: Selection, points: Sequence[PointFacts], *meters: MeterRevision) -> Choice:
    standings = {point.meter: Standing(said(point.meter), changed=False) for point in points}
    standings |= {each.meter: Standing(each, changed=False) for each in meters}
    return select(asked, Configured(points, standings), {}, START, END)


def keys(choice: Choice) -> list[str]:
    return [each.point.key for each in choice.chosen]


def reasons(choice: Choice) -> list[tuple[str, str, str | None]]:
    return [(each.point, each.why.value, each.of) for each in choice.left_out]


MAIN, SUB, SUBSUB = counter("EM-01.e"), counter("EM-02.e"), counter("EM-03.e")


def test_a_meter_behind_another_is_never_counted_twice_however_far_behind() -> None:
    choice = choose(Selection(), [MAIN, SUB, SUBSUB], said("EM-02", parent="EM-01"), said("EM-03", parent="EM-02"))
    assert keys(choice) == ["EM-01.e"]
    assert reasons(choice) == [("EM-02.e", "behind", "EM-01.e"), ("EM-03.e", "behind", "EM-01.e")]


def test_a_meter_behind_one_that_is_not_selected_counts() -> None:
    meters = said("EM-01", area="yard"), said("EM-02", parent="EM-01"), said("EM-03", parent="EM-02")
    choice = choose(Selection(areas=["hall-1"]), [MAIN, SUB, SUBSUB], *meters)
    assert keys(choice) == ["EM-02.e"]
    assert reasons(choice) == [("EM-01.e", "other_area", None), ("EM-03.e", "behind", "EM-02.e")]
    assert choice.chosen[0].by == ["area"]


def test_a_meter_behind_one_that_counts_another_carrier_counts() -> None:
    heat = counter("HM-01.heat", "heat_energy")
    assert keys(choose(Selection(), [MAIN, heat], said("HM-01", parent="EM-01"))) == ["EM-01.e", "HM-01.heat"]


def test_a_main_meter_that_gave_no_values_yet_does_not_take_the_place_of_its_sub_meters() -> None:
    late = counter("EM-01.e", first=END)
    choice = choose(Selection(), [late, SUB], said("EM-02", parent="EM-01"))
    assert (keys(choice), reasons(choice)) == (["EM-02.e"], [("EM-01.e", "no_values", None)])


def test_carriers_media_meters_and_exceptions_all_count() -> None:
    gas = counter("GM-01.energy", "gas_energy")
    points = [MAIN, SUB, gas]
    assert keys(choose(Selection(carriers=[Carrier.NATURAL_GAS]), points)) == ["GM-01.energy"]
    assert keys(choose(Selection(media=[Medium.GAS]), points, said("GM-01", medium="gas"))) == ["GM-01.energy"]
    assert keys(choose(Selection(meters=["EM-02", "GM-01"]), points)) == ["EM-02.e", "GM-01.energy"]
    assert keys(choose(Selection(without=["EM-02", "GM-01.energy"]), points)) == ["EM-01.e"]
    choice = choose(Selection(meters=["EM-02"], carriers=[Carrier.NATURAL_GAS]), points)
    assert (keys(choice), [why for _, why, _ in reasons(choice)]) == ([], ["other_meter", "other_carrier", "other_meter"])


def test_what_leaves_what_is_a_part_and_what_is_counted_otherwise_is_left_out() -> None:
    points = [
        counter("EM-01.e"), counter("EM-01.e_l1"), counter("EM-01.export", "active_energy_export"),
        counter("GM-01.energy", "gas_energy"), counter("GM-01.volume", "gas_volume"), counter("WM-01.volume", "water_volume"),
    ]  # fmt: skip
    choice = choose(Selection(), points)
    assert keys(choice) == ["EM-01.e", "GM-01.energy"]
    assert reasons(choice) == [
        ("EM-01.e_l1", "part", "EM-01.e"),
        ("EM-01.export", "given", None),
        ("GM-01.volume", "counted_otherwise", "GM-01.energy"),
    ]


def test_a_virtual_meter_counts_only_where_nothing_it_is_computed_from_could() -> None:
    rest = counter("VM-01.rest", expression="EM-01.e - EM-02.e", kind="interval_total")
    assert keys(choose(Selection(), [MAIN, SUB, rest], said("EM-02", parent="EM-01"))) == ["EM-01.e"]
    yard = said("EM-01", area="yard"), said("EM-02", area="yard", parent="EM-01")
    assert keys(choose(Selection(areas=["hall-1"]), [MAIN, SUB, rest], *yard)) == ["VM-01.rest"]


def test_a_virtual_meter_stands_behind_what_its_parts_stand_behind() -> None:
    both = counter("VM-01.sum", expression="EM-02.e + EM-03.e", kind="interval_total")
    subs = said("EM-02", area="yard", parent="EM-01"), said("EM-03", area="yard", parent="EM-01")
    choice = choose(Selection(areas=["hall-1"]), [MAIN, SUB, SUBSUB, both], *subs)
    assert (keys(choice), reasons(choice)[-1]) == (["EM-01.e"], ("VM-01.sum", "behind", "EM-01.e"))


def test_a_new_meter_counts_from_its_first_value_and_an_old_one_to_its_last() -> None:
    new, old = counter("EM-01.e", first=START + DAY), counter("EM-02.e", ended=END - DAY)
    gone = counter("EM-03.e", ended=START)
    choice = choose(Selection(), [new, old, gone])
    assert [(each.since, each.until) for each in choice.chosen] == [(START + DAY, END), (START, END - DAY)]
    assert reasons(choice) == [("EM-03.e", "no_values", None)]


def test_what_the_selection_does_not_know_is_refused() -> None:
    with pytest.raises(ValidationError):
        Selection.model_validate({"area": "hall-1"})


@given(st.lists(st.integers(-1, 7), min_size=8, max_size=8), st.sets(st.integers(0, 7)))
def test_of_every_way_up_the_tree_at_most_one_meter_counts_and_none_is_forgotten(tree: list[int], there: set[int]) -> None:
    parents = {f"M{child}": f"M{parent}" for child, parent in enumerate(tree) if 0 <= parent < child}
    points = [counter(f"M{number}.e") for number in sorted(there)]
    meters = [said(f"M{number}", parent=parents.get(f"M{number}")) for number in range(8)]
    choice = choose(Selection(), points, *meters)
    chosen = {each.point.meter for each in choice.chosen}
    assert all(not chosen & set(above(meter, parents)) for meter in chosen)
    assert all(chosen & {meter, *above(meter, parents)} for meter in (point.meter for point in points))
    assert len(choice.chosen) + len(choice.left_out) == len(points)


def test_what_was_said_last_before_the_end_of_the_period_holds() -> None:
    rows = [said("EM-01", START - 9 * DAY), said("EM-01", START + 9 * DAY, "hall-2"), said("EM-01", END, "hall-3")]
    standing = standing_of(rows, START, END)
    assert standing is not None
    assert (standing.said.area, standing.changed) == ("hall-2", True)
    for start, end, area in ((START - 5 * DAY, START, "hall-1"), (END, END + DAY, "hall-3"), (START + 9 * DAY, END, "hall-2")):
        there = standing_of(rows, start, end)
        assert there is not None
        assert (there.said.area, there.changed) == (area, False)


def test_of_times_before_it_was_configured_what_was_said_first_holds() -> None:
    standing = standing_of([said("EM-01", END, "hall-1"), said("EM-01", END + DAY, "hall-2")], START, END)
    assert standing is not None
    assert (standing.said.area, standing.changed) == ("hall-1", False)


def test_a_meter_that_was_taken_out_counts_for_the_period_it_was_taken_out_in_and_no_later_one() -> None:
    rows = [said("EM-01", START - DAY), said("EM-01", START + DAY, active=False)]
    standing = standing_of(rows, START, END)
    assert standing is not None
    assert standing.said.active
    assert standing_of(rows, END, END + DAY) is None
