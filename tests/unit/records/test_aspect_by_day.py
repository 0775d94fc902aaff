"""An aspect by condition whose inputs stay short over a year: it says what the first version says (R19)."""

import json
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_inputs import QUARTER, START, Value, figure_as_kept, point_inputs, quarter, snapshot_of

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.inputs.conditions import Stated, segments_of, shares_by_segments
from ems_telemetry.records.inputs.layers import Part, adjust
from ems_telemetry.records.inputs.sourced import stretches_of_sources
from ems_telemetry.records.keeping.making import as_inputs, figure_of
from ems_telemetry.records.methods.aspect_by_day import AspectMagnitudeByDay, days_of_splits
from ems_telemetry.records.methods.aspect_magnitude import AspectMagnitude
from ems_telemetry.records.registers.operations import OperatingState

pytestmark = pytest.mark.unit

GOLDEN = Path(__file__).parent / "golden/aspect_magnitude_2.json"
BERLIN = ZoneInfo("Europe/Berlin")
Spans = Sequence[tuple[int, int, str]]


def both(points: Sequence[Sequence[Value]], spans: Spans) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gives the inputs of the first version and those of the second, of the same quarters and states."""
    end = START + len(points[0]) * QUARTER
    moments = [(START + timedelta(minutes=first), START + timedelta(minutes=last), state) for first, last, state in spans]
    stated = [{"from": a, "to": b, "state": state, "equipment": None, "id": "O"} for a, b, state in moments]
    segments = segments_of([Stated(a, b, OperatingState(state)) for a, b, state in moments], START, end, "normal")
    parts = [adjust([quarter(n, value) for n, value in enumerate(values)], [], additive=True) for values in points]
    words = {"aspect": "energy use", "total": None, "before": None, "conditions": {"otherwise": "normal", "stated": stated}}

    def shares_at(part: Part) -> Any:  # noqa: ANN401  # shares
        return shares_by_segments(segments, part.child.start, part.child.end)

    old = {**words, "start": START, "end": end, "points": [point_inputs(f"E-{n}", each) for n, each in enumerate(points)]}
    told = {"quantity": "active_energy_import", "unit": "kWh"}
    new = {
        **words,
        "points": [
            {"point": f"E-{n}", **told, "stretches": [row._asdict() for row in stretches_of_sources(each)]}
            for n, each in enumerate(parts)
        ],
        "days": days_of_splits(parts, shares_at, BERLIN),
    }
    return old, new


AMOUNTS = st.lists(st.none() | st.decimals(0, 10**6, places=3), min_size=150, max_size=150)
SPANS = st.lists(
    st.tuples(st.integers(0, 2_000), st.integers(1, 500), st.sampled_from(["malfunction", "emergency"])), max_size=4
)


@settings(max_examples=25)
@given(st.lists(AMOUNTS, min_size=1, max_size=2), SPANS)
def test_it_says_what_the_first_version_says(points: list[list[Decimal | None]], spans: list[tuple[int, int, str]]) -> None:
    old, new = both(points, [(first, first + length, state) for first, length, state in spans])
    first, second = AspectMagnitude().compute(snapshot_of(old)), AspectMagnitudeByDay().compute(snapshot_of(new))
    assert [second.value, second.quality, second.flags] == [first.value, first.quality, first.flags]
    for mine, its in zip(second.details["by_condition"], first.details["by_condition"], strict=True):
        assert (mine["condition"], mine["amount"] is None) == (its["condition"], its["amount"] is None)
        for name in ("known", "hours", "missing_hours"):
            assert round(mine[name], 15) == round(its[name], 15)


def test_a_year_is_kept_in_a_row_a_day_and_not_one_a_quarter() -> None:
    old, new = both([["1.25"] * (365 * 96)], [(100, 400, "malfunction"), (9_000, 9_100, "emergency")])
    assert len(new["days"]) == 366  # the first and the last hour lie in two local days
    assert len(canonical(new)) * 50 < len(canonical(old))


def test_the_figure_of_a_kept_snapshot_stays_the_same_for_ever() -> None:
    kept = json.loads(GOLDEN.read_text())
    assert figure_as_kept(figure_of(AspectMagnitudeByDay(), as_inputs(canonical(kept["inputs"])))) == kept["figure"]
