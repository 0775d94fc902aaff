from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.evidence.canonical import digest
from ems_telemetry.intervals.calendar import moment_of
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.records.inputs.interval_digest import interval_digest

pytestmark = pytest.mark.unit

numbers = st.decimals(allow_nan=False, allow_infinity=False, places=9) | st.sampled_from([Decimal("-0.0"), Decimal("1E+3")])


@dataclass(frozen=True)
class Row:
    start: datetime
    value: Decimal | None
    coverage: Decimal
    quality: int
    flags: list[str]
    revision: int


rows = st.builds(
    Row,
    start=st.integers(0, 4 * 10**15).map(moment_of),
    value=st.none() | numbers,
    coverage=st.decimals(0, 1),
    quality=st.sampled_from([0, 64, 192]),
    flags=st.lists(st.sampled_from([str(flag.name).lower() for flag in IntervalFlag]), unique=True),
    revision=st.integers(0, 2**53 - 1),
)


@given(st.lists(rows, max_size=5))
def test_it_is_the_digest_of_the_canonical_form(drawn: list[Row]) -> None:
    content = [[row.start, row.value, row.coverage, row.quality, row.flags, row.revision] for row in drawn]
    assert interval_digest(drawn) == digest(content).hex()
