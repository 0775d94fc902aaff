"""Readings per second from columns to intervals, on one core, for a month of regular counters and gauges.

Run it as `python bench/intervals_core.py`.
"""

import time
from decimal import Decimal

import numpy as np

from ems_telemetry.intervals.compute import compute
from ems_telemetry.intervals.law import PointLaw, Slope
from ems_telemetry.intervals.series import Series
from ems_telemetry.model import Kind

SECOND_US = 1_000_000
QUARTER_US = 900 * SECOND_US
START_US = 1_767_225_600 * SECOND_US
DAYS = 31
ROUNDS = 3


def month_of(kind: Kind, interval_s: int) -> Series:
    count = DAYS * 86_400 // interval_s
    random = np.random.default_rng(14001)
    times_us = START_US + np.arange(count, dtype=np.int64) * interval_s * SECOND_US + random.integers(0, 200_000, count)
    steps = random.integers(0, 50, count)
    values = np.cumsum(steps) / 100 if kind is Kind.COUNTER else steps / 10
    return Series(times_us, values, np.full(count, 192, np.int16), np.zeros(count, np.int32), {})


def measure(name: str, series: Series, law: PointLaw) -> None:
    edges_us = START_US + np.arange(DAYS * 96 + 1, dtype=np.int64) * QUARTER_US
    quickest_s, computed = float("inf"), 0
    for _ in range(ROUNDS):
        began_s = time.process_time()
        computed = len(list(compute(series, law, (), edges_us, int(edges_us[-1]))))
        quickest_s = min(quickest_s, time.process_time() - began_s)
    assert computed == DAYS * 96
    print(f"{name:28} {len(series):>9,} readings  {len(series) / quickest_s / 1e6:6.2f} million/s")


def main() -> None:
    for interval_s in (1, 10, 60):
        expected_us = interval_s * SECOND_US
        for rate in (None, Decimal(3600)):
            law = PointLaw(Kind.COUNTER, expected_us=expected_us, max_gap_us=2 * expected_us, max_rate_per_h=rate)
            measure(f"counter {interval_s} s{' max_rate' if rate else ''}", month_of(Kind.COUNTER, interval_s), law)
        for slope in Slope:
            law = PointLaw(Kind.GAUGE, slope=slope, expected_us=expected_us, max_gap_us=2 * expected_us)
            measure(f"gauge {interval_s} s {slope}", month_of(Kind.GAUGE, interval_s), law)


if __name__ == "__main__":
    main()
