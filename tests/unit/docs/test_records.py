"""What docs/records.md says of methods is what they take."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from ems_telemetry.records.inputs.selecting import Why
from ems_telemetry.records.inputs.sourced import SourceClass
from ems_telemetry.records.kinds import RecordQuality, RecordStatus
from ems_telemetry.records.method import Method, method_id
from ems_telemetry.records.methods import METHODS
from ems_telemetry.records.methods.aspect_by_day import AspectMagnitudeByDay
from ems_telemetry.records.methods.aspect_magnitude import AspectMagnitude
from ems_telemetry.records.methods.completeness import Completeness
from ems_telemetry.records.methods.compliance import Compliance
from ems_telemetry.records.methods.data_gaps import DataGaps
from ems_telemetry.records.methods.energy import Energy
from ems_telemetry.records.methods.energy_selected import EnergySelected
from ems_telemetry.records.methods.meter_balance import MeterBalance
from ems_telemetry.records.methods.operational_control import OperationalControl
from ems_telemetry.records.methods.period_total import PeriodTotal
from ems_telemetry.records.methods.period_total_compared import PeriodTotalCompared
from ems_telemetry.records.methods.water_balance import WaterBalanced
from ems_telemetry.records.registers.operations import OperatingState
from ems_telemetry.records.registers.planning import PlanBody

pytestmark = pytest.mark.unit

TEXT = (Path(__file__).parents[3] / "docs/records.md").read_text()
EXAMPLES = [line for block in re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL) for line in re.split(r"\n(?={)", block.strip())]
OWN: tuple[Method, ...] = (
    PeriodTotal(), PeriodTotalCompared(), Energy(), EnergySelected(), WaterBalanced(), MeterBalance(), Completeness(),
    OperationalControl(), AspectMagnitude(), AspectMagnitudeByDay(), Compliance(), DataGaps(),
)  # fmt: skip


def names(model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield name
        for inner in _models(field.annotation):
            yield from names(inner)


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


@pytest.mark.parametrize("method", OWN, ids=method_id)
def test_a_method_is_documented_with_every_parameter_and_an_example(method: Method) -> None:
    id_ = f"{method.name}@{method.version}"
    assert f"### `{id_}`: " in TEXT
    section = TEXT.partition(f"### `{id_}`: ")[2].partition("\n### ")[0]
    assert [name for name in set(names(method.params)) - {"allow_submeters"} if not re.search(rf"\b{name}\b", section)] == []
    assert any(json.loads(example)["method"] == id_ for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_an_item_that_its_method_takes(example: str) -> None:
    body: dict[str, Any] = json.loads(example)
    PlanBody.model_validate(body)
    METHODS[body["method"]].params.model_validate(body["params"])


@pytest.mark.parametrize("word", [*RecordStatus, *RecordQuality, *OperatingState, *Why, *SourceClass])
def test_every_status_quality_state_and_reason_is_explained(word: str) -> None:
    assert f"`{word}`" in TEXT
