"""What docs/compliance.md shows is what the API takes, and every field of a limit is explained there."""

import json
import re
from pathlib import Path

import pytest

from ems_telemetry.api.compliance_items import NewEvaluation
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.obligations import LimitBody, Statistic
from ems_telemetry.rules.limit_sets import LIMIT_SETS

pytestmark = pytest.mark.unit

TEXT = (Path(__file__).parents[3] / "docs/compliance.md").read_text()
STATED = re.findall(r"/api/v1/([a-z-]+) -d '(\{.*?\})'", TEXT, re.DOTALL)


@pytest.mark.parametrize(("path", "said"), STATED, ids=[path for path, _ in STATED])
def test_what_is_stated_has_the_form_of_its_register(path: str, said: str) -> None:
    (register,) = (each for each in REGISTERS.values() if each.path == path)
    register.body.model_validate(json.loads(said)["body"])


def test_each_step_is_shown() -> None:
    assert [path for path, _ in STATED] == ["obligations", "limits", "monitoring-plan"]
    (asked,) = re.findall(r"/evaluations \\\n  -d '(\{.*?\})'", TEXT)
    assert NewEvaluation.model_validate(json.loads(asked)).limit == "L-14"
    for kind, verb in (("exceedance_note", "annotate"), ("nonconformity_link", "link-nc")):
        (said,) = re.findall(rf":{verb} -d '(\{{.*?\}})'", TEXT)
        REGISTERS[kind].body.model_validate(json.loads(said))


@pytest.mark.parametrize("word", [*LimitBody.model_fields, *Statistic, *LIMIT_SETS])
def test_every_field_and_statistic_of_a_limit_is_explained(word: str) -> None:
    plain = {"obligation", "parameter"}
    assert word in plain or f"`{word}`" in TEXT
