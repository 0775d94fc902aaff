from dataclasses import dataclass
from typing import cast

import pytest

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.records.inputs.metering import above, refuse_doubles, whole_points
from ems_telemetry.storage.point_facts import PointFacts

pytestmark = pytest.mark.unit

TREE = {"EM-03": "EM-02", "EM-02": "EM-01", "X": "Y", "Y": "X"}


@dataclass
class Named:
    """As much of a point as the meter tree asks for."""

    key: str
    expression: str | None = None

    @property
    def meter(self) -> str:
        return self.key.partition(".")[0]


def points(*named: str | Named) -> list[PointFacts]:
    return [cast("PointFacts", Named(each) if isinstance(each, str) else each) for each in named]


def test_the_meters_before_a_meter_end_where_a_ring_closes() -> None:
    assert above("EM-03", TREE) == ["EM-02", "EM-01"]
    assert above("EM-01", TREE) == []
    assert above("X", TREE) == ["Y"]


@pytest.mark.parametrize(
    ("named", "words"),
    [
        (["EM-01.energy", "EM-03.energy"], "EM-03.energy stands behind EM-01"),
        (["EM-03.energy", "EM-01.energy"], "EM-03.energy stands behind EM-01"),
        (["EM-01.energy", "EM-01.energy"], "EM-01.energy is named twice"),
        (["EM-01.energy_l1", "EM-01.energy"], "EM-01.energy_l1 is a part of EM-01.energy"),
        (
            ["EM-07.energy", Named("V-1.energy", "EM-07.energy + EM-08.energy")],
            "EM-07.energy is in the expression of V-1.energy",
        ),
    ],
)
def test_what_counts_twice_is_named_with_its_reason(named: list[str | Named], words: str) -> None:
    with pytest.raises(CannotComputeError) as refused:
        refuse_doubles(points(*named), TREE)
    assert words in str(refused.value)


def test_meters_beside_each_other_count() -> None:
    refuse_doubles(points("EM-02.energy", "EM-04.energy", "EM-02.water"), TREE)


def test_phases_are_left_out_beside_their_sum() -> None:
    found = whole_points(points("EM-01.energy", "EM-01.energy_l1", "EM-02.energy_l1"))
    assert [point.key for point in found] == ["EM-01.energy", "EM-02.energy_l1"]
