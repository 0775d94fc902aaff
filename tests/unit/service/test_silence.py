"""Silence becomes gaps: when it is noticed, where it begins and ends, and under which cause."""

from datetime import timedelta
from uuid import UUID

import pytest
from unit.service.silent_plant import SilentPlant, watched_point

from ems_telemetry.model import LEASE, DeadLetter, Flag, Gap
from ems_telemetry.service.silence import MOST_AT_ONCE, RENEW_AFTER_S


@pytest.fixture
def plant() -> SilentPlant:
    """One point, `EM-01.p`, due every ten seconds."""
    return SilentPlant({"p": 10})


def test_a_point_that_falls_silent_has_an_open_gap_after_two_intervals(plant: SilentPlant) -> None:
    plant.pass_time(5)
    plant.hear()
    plant.pass_time(20)
    assert plant.gaps() == []
    plant.pass_time(1)
    assert plant.gaps() == [("no_data", 5, 26)]
    (gap,) = plant.rows.values()
    assert (gap.is_open, gap.expected, gap.refused) == (True, 2, 0)


def test_the_first_usable_reading_ends_it_at_its_own_time(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(41)
    plant.hear(late_s=0.5)
    plant.pass_time(1)
    (gap,) = plant.rows.values()
    assert plant.gaps() == [("no_data", 0, 40.5)]
    assert (gap.is_open, gap.expected) == (False, 3)


def test_a_point_that_speaks_in_time_has_no_gap(plant: SilentPlant) -> None:
    for _ in range(20):
        plant.pass_time(13)
        plant.hear()
    plant.close_books()
    assert plant.rows == {}


def test_points_without_an_expected_interval_are_not_watched(plant: SilentPlant) -> None:
    plant.watch.add([watched_point("free", None)])
    plant.hear("free")
    plant.hear()
    plant.pass_time(15)
    plant.hear()
    plant.pass_time(15)
    assert plant.rows == {}


def test_a_link_that_is_down_is_the_cause_as_long_as_it_is(plant: SilentPlant) -> None:
    plant.hear()
    plant.report.down("nobody listens")
    plant.pass_time(30)
    plant.report.up()
    plant.pass_time(60)
    plant.close_books()
    assert plant.gaps() == [("link_down", 0, 31), ("no_data", 31, 90)]


def test_a_link_that_comes_back_gives_its_points_two_intervals_to_speak(plant: SilentPlant) -> None:
    plant.hear()
    plant.report.down("nobody listens")
    plant.pass_time(60)
    plant.report.up()
    plant.pass_time(9)
    plant.hear()
    plant.pass_time(1)
    assert plant.gaps() == [("link_down", 0, 69)]


def test_a_link_that_goes_down_during_a_silence_ends_one_gap_and_begins_another(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(30)
    plant.report.down("nobody listens")
    plant.pass_time(30)
    plant.close_books()
    assert plant.gaps() == [("no_data", 0, 31), ("link_down", 31, 60)]
    assert [gap.is_open for gap in sorted(plant.rows.values(), key=lambda gap: gap.start)] == [False, True]
    assert [gap.expected for gap in sorted(plant.rows.values(), key=lambda gap: gap.start)] == [3, 3]


def test_readings_without_a_value_are_the_cause_as_long_as_they_come(plant: SilentPlant) -> None:
    plant.hear()
    for _ in range(4):
        plant.pass_time(10)
        plant.hear(value=None)
    plant.pass_time(1)
    assert plant.gaps() == [("bad_quality", 0, 21)]
    plant.pass_time(60)
    plant.close_books()
    assert plant.gaps() == [("bad_quality", 0, 61), ("no_data", 61, 101)]


def test_what_became_a_dead_letter_is_no_usable_value_either(plant: SilentPlant) -> None:
    plant.pass_time(15)
    letter = DeadLetter(UUID(int=1), "c", "EM-01.p", "not_a_number", "", "", b"", plant.clock.now())
    plant.watch.heard([], [letter])
    plant.pass_time(6)
    assert [cause for cause, *_ in plant.gaps()] == ["bad_quality"]


def test_a_cause_that_the_connector_knows_is_the_cause(plant: SilentPlant) -> None:
    plant.report.absent(["EM-01.p"], "device_down")
    plant.pass_time(30)
    plant.report.present(["EM-01.p"])
    plant.pass_time(60)
    plant.close_books()
    assert plant.gaps() == [("device_down", 0, 31), ("no_data", 31, 90)]


def test_a_full_spool_that_holds_up_a_source_is_the_cause(plant: SilentPlant) -> None:
    plant.watch.is_held_up = True
    plant.pass_time(30)
    assert [cause for cause, *_ in plant.gaps()] == ["spool_full"]


def test_a_gap_that_the_connector_keeps_itself_stands_alone(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(30)
    theirs = Gap(UUID(int=7), "c", "EM-01.p", plant.clock.now(), plant.clock.now(), "node_unknown", 0, is_open=True)
    plant.watch.noted([theirs])
    plant.pass_time(60)
    assert plant.gaps() == [("no_data", 0, 30)]
    plant.watch.noted([theirs._replace(end=plant.clock.now(), is_open=False)])
    plant.pass_time(20)
    assert plant.gaps() == [("no_data", 0, 30)]
    plant.pass_time(1)
    assert plant.gaps() == [("no_data", 0, 30), ("no_data", 90, 111)]


def test_the_lease_of_a_gap_that_the_connector_keeps_is_renewed_for_it(plant: SilentPlant) -> None:
    theirs = Gap(UUID(int=7), "c", "EM-01.other", plant.clock.now(), plant.clock.now(), "node_unknown", 0, is_open=True)
    plant.watch.noted([theirs])
    plant.pass_time(int(RENEW_AFTER_S))
    assert plant.gaps("other") == [("node_unknown", 0, RENEW_AFTER_S)]
    assert plant.rows[theirs.id].is_open


def test_an_open_gap_is_told_again_every_five_minutes_and_not_more_often(plant: SilentPlant) -> None:
    told = 0
    for _ in range(3600):
        plant.clock.turn(1)
        told += len(plant.look())
    assert told == 1 + (3600 - 21) // RENEW_AFTER_S
    (gap,) = plant.rows.values()
    assert plant.clock.now() - gap.end < LEASE / 2


def test_what_was_read_later_from_a_history_or_was_kept_by_a_broker_is_no_sign_of_life(plant: SilentPlant) -> None:
    for flag in (Flag.BACKFILLED, Flag.RETAINED):
        plant.pass_time(15)
        plant.hear(flags=flag)
    assert plant.gaps() == [("no_data", 0, 21)]


def test_readings_that_were_kept_on_their_way_end_the_silence_when_they_come_in_and_fill_it(plant: SilentPlant) -> None:
    plant.hear()
    plant.report.down("the broker is away")
    plant.pass_time(100)
    plant.report.up()
    for late_s in range(90, -1, -10):
        plant.hear(late_s=late_s)
    plant.pass_time(1)
    (gap,) = plant.rows.values()
    assert plant.gaps() == [("link_down", 0, 100)]
    assert (gap.is_open, gap.expected) == (False, 10)
    plant.pass_time(19)
    assert [(start, end) for _, start, end in plant.gaps()] == [(0, 100)]
    plant.pass_time(1)
    assert [(start, end) for _, start, end in plant.gaps()] == [(0, 100), (100, 121)]


def test_a_clock_that_is_behind_shifts_its_gaps_and_makes_none(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(10)
    hour = 3600
    for _ in range(10):
        plant.hear(late_s=hour)
        plant.pass_time(10)
    assert plant.gaps() == []
    plant.pass_time(50)
    plant.hear(late_s=hour)
    plant.pass_time(1)
    assert len(plant.gaps()) == 1


def test_a_hole_that_nobody_looked_at_in_time_is_told_by_the_reading_behind_it(plant: SilentPlant) -> None:
    plant.hear()
    plant.clock.turn(35)
    plant.hear()
    plant.look()
    assert plant.gaps() == [("no_data", 0, 35)]
    assert [gap.expected for gap in plant.rows.values()] == [3]


def test_ten_thousand_points_that_fall_silent_at_once_are_told_in_portions() -> None:
    plant = SilentPlant({f"p{number}": 10 for number in range(3_500)})
    plant.clock.turn(21)
    portions = []
    while gaps := plant.watch.check():
        portions.append(len(gaps))
    assert portions == [MOST_AT_ONCE] * 3 + [500]


def test_a_restart_makes_one_closed_gap_up_to_the_first_reading(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(7)
    plant.crash(away_s=60)
    (gap,) = plant.rows.values()
    assert plant.gaps() == [("service_stopped", 0, 67)]
    assert not gap.is_open
    plant.report.up()
    plant.pass_time(3)
    plant.hear()
    plant.pass_time(1)
    assert plant.gaps() == [("service_stopped", 0, 70)]
    assert [gap.expected for gap in plant.rows.values()] == [6]


def test_what_stays_silent_after_a_restart_goes_on_under_its_own_cause(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(7)
    plant.crash(away_s=60)
    plant.report.down("nobody listens")
    plant.pass_time(40)
    plant.close_books()
    assert plant.gaps() == [("service_stopped", 0, 67), ("link_down", 67, 107)]


def test_a_short_restart_during_a_silence_goes_on_with_the_same_gap(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(30)
    (before,) = plant.rows
    plant.crash(away_s=5)
    plant.report.up()
    plant.pass_time(5)
    plant.hear()
    plant.pass_time(1)
    assert list(plant.rows) == [before]
    assert plant.gaps() == [("no_data", 0, 40)]


def test_a_long_outage_during_a_silence_ends_its_gap_at_the_last_sign_of_life(plant: SilentPlant) -> None:
    plant.hear()
    plant.pass_time(30)
    plant.crash(away_s=100)
    assert plant.gaps() == [("no_data", 0, 30), ("service_stopped", 30, 130)]


def test_restarts_in_quick_succession_hide_no_silence(plant: SilentPlant) -> None:
    plant.hear()
    for _ in range(6):
        plant.pass_time(7)
        plant.crash(away_s=2)
    plant.close_books()
    assert plant.gaps()[0][1] == 0
    assert plant.gaps()[-1][2] == 54


def test_a_connector_of_which_nothing_is_remembered_begins_anew(plant: SilentPlant) -> None:
    plant.pass_time(1)
    plant._memory = None
    plant.crash(away_s=100)
    assert plant.gaps() == [("service_stopped", 1, 101)]


def test_gaps_of_points_that_are_watched_no_more_end_with_the_service(plant: SilentPlant) -> None:
    plant.pass_time(30)
    plant._points = []
    plant.crash(away_s=5)
    (gap,) = plant.rows.values()
    assert (plant.gaps(), gap.is_open) == ([("no_data", 0, 30)], False)


def test_gaps_of_the_connector_end_with_the_service(plant: SilentPlant) -> None:
    theirs = Gap(UUID(int=7), "c", "EM-01.p", plant.clock.now(), plant.clock.now(), "node_unknown", 0, is_open=True)
    plant.watch.noted([theirs])
    plant.pass_time(5)
    plant.crash(away_s=100)
    assert plant.gaps() == [("node_unknown", 0, 5), ("service_stopped", 5, 105)]


def test_open_gaps_are_counted_by_cause(plant: SilentPlant) -> None:
    plant.watch.add([watched_point("q", 10)])
    plant.report.absent(["EM-01.q"], "device_down")
    now = plant.clock.now()
    plant.watch.noted([Gap(UUID(int=7), "c", "EM-01.other", now, now, "node_unknown", 0, is_open=True)])
    plant.pass_time(30)
    assert plant.watch.open_causes() == {"no_data": 1, "device_down": 1, "node_unknown": 1}
    plant.hear()
    assert plant.watch.open_causes() == {"device_down": 1, "node_unknown": 1}


def test_a_device_whose_clock_is_ahead_makes_no_gap_that_ends_before_it_begins(plant: SilentPlant) -> None:
    plant.hear(late_s=-240)
    plant.pass_time(30)
    (gap,) = plant.rows.values()
    assert (gap.start, gap.end) == (plant.start + timedelta(seconds=240),) * 2
    plant.hear(late_s=0)
    plant.pass_time(1)
    assert [end - start for _, start, end in plant.gaps()] == [0]
