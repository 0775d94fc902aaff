"""Nothing changes beyond the reach of a reading that came."""

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from interval_series import MINUTE_US, QUARTER_US, SECOND_US, Row, at, edges, intervals_of

from ems_telemetry.intervals.law import PointLaw, Slope
from ems_telemetry.intervals.reach import reach_of
from ems_telemetry.model import Kind

pytestmark = pytest.mark.unit

COUNTER = PointLaw(Kind.COUNTER, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
GAUGE = PointLaw(Kind.GAUGE, expected_us=MINUTE_US, max_gap_us=2 * MINUTE_US)
LAWS = (
    COUNTER,
    replace(COUNTER, max_rate_per_h=Decimal(3600)),
    GAUGE,
    replace(GAUGE, slope=Slope.SLOPED),
    PointLaw(Kind.INTERVAL_TOTAL),
)
READINGS = st.lists(
    st.tuples(st.integers(0, 14_000), st.sampled_from([None, None, None, 0.0, 3.0, 1e9])),
    min_size=2,
    max_size=150,
    unique_by=lambda row: row[0],
)
"""Seconds, and what a disturbed meter said instead of its register."""


@given(READINGS, st.sampled_from(LAWS), st.integers(0, 149))
def test_what_lies_beyond_the_reach_of_a_reading_stays_as_it_was(
    told: list[tuple[int, float | None]], law: PointLaw, which: int
) -> None:
    rows: list[Row] = [
        (at("08:00") + second * SECOND_US, 5000 + second / 10 if said is None else said) for second, said in sorted(told)
    ]
    new = rows[which % len(rows)]
    bounds = edges("07:45", "12:15", 5 * MINUTE_US)
    without = intervals_of([row for row in rows if row is not new], law, bounds)
    whole = intervals_of(rows, law, bounds)
    usable_us = np.array([row[0] for row in rows], dtype=np.int64)
    since_us, until_us = reach_of(usable_us, new[0], new[0] + 1, law)
    for earlier, later in zip(without, whole, strict=True):
        is_before = later.start_us + 5 * MINUTE_US <= since_us
        is_behind = until_us is not None and later.start_us > until_us
        if is_before or is_behind:
            assert earlier == later


def test_a_counter_reaches_back_as_far_as_readings_can_be_left_out() -> None:
    usable_us = at("08:00") + np.arange(100, dtype=np.int64) * QUARTER_US
    last_us = int(usable_us[-1])
    assert reach_of(usable_us, last_us, last_us + 1, COUNTER) == (last_us - 18 * QUARTER_US, None)
    assert reach_of(usable_us, last_us, last_us + 1, GAUGE) == (last_us, None)
    first_us = int(usable_us[0])
    assert reach_of(usable_us, first_us, first_us + 1, COUNTER) == (first_us, first_us + 40 * QUARTER_US)
    assert reach_of(usable_us, first_us, first_us + 1, PointLaw(Kind.EVENT)) == (first_us, first_us + 1)
