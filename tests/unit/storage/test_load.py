import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st
from small_plant import ENERGY, POWER, START, WATER, batch, gap, letter, reading

from ems_telemetry.model import Batch, Quality, Reading
from ems_telemetry.storage.load import Load, Plan, Row, clean, plan, rejected

IDS = {ENERGY: 1, POWER: 2}
READINGS = st.builds(
    reading,
    st.sampled_from([ENERGY, POWER, WATER]),
    st.integers(0, 5),
    st.sampled_from([None, 0.0, 1.0, float("nan"), float("inf")]),
    quality=st.sampled_from([0, 64, 192, 99_999]),
)


def first_row() -> Row:
    return plan([batch(reading())], IDS).load.rows[0]


@given(st.lists(st.lists(READINGS)))
def test_every_reading_is_accounted_for(groups: list[list[Reading]]) -> None:
    planned = plan([batch(*group) for group in groups], IDS)
    sent = sum(len(group) for group in groups)
    assert len(planned.load.rows) + len(planned.late.rows) + planned.duplicates + planned.conflicts + planned.rejected == sent
    keys = [(row.point_id, row.time) for row in planned.load.rows]
    assert keys == sorted(set(keys))


@given(st.lists(READINGS))
def test_planning_again_gives_the_same_dead_letters(group: list[Reading]) -> None:
    def ids(planned: Plan) -> list[object]:
        return [one.id for one in planned.load.dead_letters]

    assert ids(plan([batch(*group)], IDS)) == ids(plan([batch(*group)], IDS))


def test_the_first_of_two_values_stands() -> None:
    planned = plan([batch(reading(value=1.0)), batch(reading(value=2.0), reading(value=1.0))], IDS)
    assert [row.value for row in planned.load.rows] == [1.0]
    assert (planned.duplicates, planned.conflicts) == (1, 1)
    (conflict,) = planned.load.dead_letters
    assert (conflict.reason, json.loads(conflict.payload)["value"]) == ("conflict", 2.0)


def test_different_rejections_of_one_point_and_time_are_different_dead_letters() -> None:
    strange = [reading("EM-99.x", value=value) for value in (1.0, 2.0, None, float("nan"))]
    letters = plan([batch(*strange)], IDS).load.dead_letters
    assert len({one.id for one in letters}) == 4
    assert json.loads(letters[3].payload)["value"] == "nan"


def test_halves_hold_everything_and_neither_is_empty() -> None:
    load = plan([Batch("c", (reading(), reading(POWER)), (letter(),), (gap(),))], IDS).load
    first, second = load.halves()
    assert first.items + second.items == load.items
    assert first.items
    assert second.items
    alone = Load((), (letter(),), (gap(),)).halves()
    assert [len(half.items) for half in alone] == [1, 1]


def test_a_refused_row_becomes_a_dead_letter_from_which_it_can_be_made_again() -> None:
    made = rejected(first_row(), "violates check")
    assert (made.reason, made.point, made.connector, made.detail) == (
        "rejected_by_database",
        ENERGY,
        "hall-1",
        "violates check",
    )
    assert json.loads(made.payload) == {
        "time": "2026-03-02T10:00:00Z",
        "point": ENERGY,
        "value": 1.0,
        "exact": None,
        "raw": None,
        "quality": Quality.GOOD,
        "flags": 0,
        "source_status": 0,
        "received_at": "2026-03-02T10:00:00Z",
    }


def test_a_refused_dead_letter_or_gap_becomes_a_plain_one() -> None:
    for item in (letter(reason="\x00"), gap()):
        made = rejected(item, "why \x00")
        assert made.reason == "rejected_by_database"
        assert made.id != item.id
        assert "\x00" not in made.detail
        assert made.payload.decode("ascii")


def test_text_is_made_storable() -> None:
    assert clean("a\x00b\ud800 é") == "a\ufffdb? é"


def test_times_of_rows_stay_as_they_were() -> None:
    late = reading(second=0.000_001)
    assert plan([batch(late)], IDS).load.rows[0].time == START + timedelta(microseconds=1)


def test_rows_of_long_ago_go_apart_and_in_the_order_of_time() -> None:
    day = timedelta(days=1)
    old = [reading(POWER, 5, received_at=START + day), reading(ENERGY, 9, received_at=START + day)]
    planned = plan([batch(*old, reading(ENERGY, 3), reading(POWER, 1))], IDS)
    assert [(row.point_id, row.time) for row in planned.load.rows] == [
        (1, START + timedelta(seconds=3)),
        (2, START + timedelta(seconds=1)),
    ]
    assert [(row.point_id, row.time) for row in planned.late.rows] == [
        (2, START + timedelta(seconds=5)),
        (1, START + timedelta(seconds=9)),
    ]
