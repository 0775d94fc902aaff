"""Looks for readings far away span no more time than they must: to plan one takes the longer the more chunks there are."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.storage.columns import together

START = datetime(2026, 3, 2, tzinfo=UTC)
TIMES = st.dictionaries(st.integers(1, 50), st.integers(0, 4_000).map(lambda days: START + timedelta(days=days)))


def test_a_meter_that_fell_silent_years_ago_is_looked_for_apart() -> None:
    silent, others = START, START + timedelta(days=1_000)
    assert together({1: others, 2: silent, 3: others + timedelta(hours=1)}) == [
        {2: silent},
        {1: others, 3: others + timedelta(hours=1)},
    ]


@given(TIMES)
def test_every_point_is_in_one_group_and_groups_lie_apart(times: dict[int, datetime]) -> None:
    groups = together(times)
    assert {point: time for group in groups for point, time in group.items()} == times
    for group in groups:
        sorted_times = sorted(group.values())
        assert all(later - earlier <= timedelta(days=40) for earlier, later in pairwise(sorted_times))
    for before, after in pairwise(groups):
        assert min(after.values()) - max(before.values()) > timedelta(days=40)
