"""Peak demand of several meters together (CR-54)."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_inputs import QUARTER, START, quarter, snapshot_of

from ems_telemetry.records.averages.blocks import BlockLength, days_between
from ems_telemetry.records.averages.demand import Drawn, Sum, add_quarters, demand_of, peaks_by_day
from ems_telemetry.records.inputs.layers import SUBSTITUTED, Part
from ems_telemetry.rules.runs import microseconds
from ems_telemetry.storage.point_facts import PointFacts

pytestmark = pytest.mark.unit

UTC = ZoneInfo("UTC")
METER = PointFacts(
    *(1, "EM-01.e", "EM-01", "BER1", None, "UTC", None, "active_energy_import", "kWh", "counter", "sum"),
    *(True, None, None, None, None, None),
)


def taken(
    *meters: Sequence[Part], block: BlockLength = BlockLength.QUARTER, partial: bool = False, sign: int = 1
) -> dict[str, Any]:
    """What several meters took on the first day, from midnight on."""
    days = days_between(START, START + timedelta(days=1), block, UTC)
    sums = [Sum()] * 96
    for parts in meters:
        add_quarters(sums, parts, Drawn(METER, sign, START, START + len(parts) * QUARTER, None), START)
    told = {"block_minutes": block.minutes, "partial": partial, "points": ["EM-01.e"]}
    return demand_of(snapshot_of({**told, "days": peaks_by_day(sums, days, partial=partial)}))


def parts(*powers_kw: str | tuple[str, str] | None) -> list[Part]:
    """Quarters with these mean powers, and the share of each that was measured."""
    rows = [power if isinstance(power, tuple) else (power, "1") for power in powers_kw]
    children = [
        quarter(place, None if power is None else Decimal(power) / 4, coverage) for place, (power, coverage) in enumerate(rows)
    ]
    return [Part(child, child.value, None) for child in children]


def told(block: Mapping[str, Any] | None) -> tuple[object, int] | None:
    """Its power, and how many quarters after the beginning it begins."""
    return None if block is None else (block["value"], (block["start"] - START) // QUARTER)


def test_cr_54_the_peak_is_the_greatest_block_mean_that_was_measured_as_a_whole() -> None:
    demand = taken(parts("412.0", "455.6", "398.2", ("600", "0.6")))
    assert (told(demand["peak_demand"]), demand["peak_demand"]["unit"]) == ((Decimal("455.6"), 1), "kW")
    assert told(demand["unconfirmed_peak"]) == (600, 3)
    assert demand["unconfirmed_peak"]["coverage"] == Decimal("0.6")
    assert (demand["blocks"], demand["skipped_blocks"]) == (96, 93)


def test_cr_54_a_block_measured_in_part_counts_where_the_plan_says_so() -> None:
    demand = taken(parts("412.0", "455.6", "398.2", ("600", "0.6")), partial=True)
    assert (told(demand["peak_demand"]), demand["unconfirmed_peak"], demand["skipped_blocks"]) == ((600, 3), None, 0)


def test_cr_54_of_equal_blocks_the_earliest_counts() -> None:
    assert told(taken(parts("1", "455.6", "455.6"))["peak_demand"]) == (Decimal("455.6"), 1)


def test_the_peak_of_several_meters_is_that_of_their_sum_and_not_the_sum_of_their_peaks() -> None:
    demand = taken(parts("100", "20", "60"), parts("10", "80", "60"))
    assert told(demand["peak_demand"]) == (120, 2)


def test_what_is_passed_on_is_taken_off() -> None:
    assert told(taken(parts("-100", "-20"), sign=-1)["peak_demand"]) == (100, 0)


def test_blocks_of_half_an_hour_and_an_hour_are_aligned_by_the_clock() -> None:
    powers = parts("10", "20", "30", "40", "50", "0", "0", "0")
    assert told(taken(powers, block=BlockLength.HALF_HOUR)["peak_demand"]) == (35, 2)
    assert told(taken(powers, block=BlockLength.HOUR)["peak_demand"]) == (25, 0)


def test_with_a_meter_missing_what_is_known_of_the_block_is_unconfirmed() -> None:
    demand = taken(parts("100", "500"), parts("10", None))
    assert (told(demand["peak_demand"]), told(demand["unconfirmed_peak"])) == ((110, 0), (500, 1))


def test_what_was_substituted_is_no_peak() -> None:
    child = quarter(1, None)
    demand = taken([*parts("100"), Part(child, Decimal(200), SUBSTITUTED)])
    assert (told(demand["peak_demand"]), told(demand["unconfirmed_peak"])) == ((100, 0), (800, 1))


def test_of_nothing_there_is_no_peak() -> None:
    assert (taken()["peak_demand"], taken(parts(None))["unconfirmed_peak"]) == (None, None)


@given(
    st.lists(st.lists(st.decimals(0, 10**6, places=3), min_size=16, max_size=16), min_size=1, max_size=3),
    st.sampled_from(list(BlockLength)),
)
def test_the_peak_is_the_greatest_of_all_sums(meters: list[list[Decimal]], block: BlockLength) -> None:
    demand = taken(*(parts(*map(str, powers)) for powers in meters), block=block)
    sums = [sum(column) for column in zip(*meters, strict=True)]
    blocks = [sum(sums[at : at + block.quarters]) / block.quarters for at in range(0, 16, block.quarters)]
    value, place = max(blocks), blocks.index(max(blocks)) * block.quarters
    assert told(demand["peak_demand"]) == (value, place)
    assert microseconds(demand["peak_demand"]["end"] - demand["peak_demand"]["start"]) == block.minutes * 60_000_000
