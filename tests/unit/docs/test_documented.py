"""What people may rely on stands in the documentation: every setting, key, quantity, flag, metric and verb."""

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

from ems_telemetry.cli.verbs import VERBS
from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.config.plant import OwnQuantity, Plant, Site, VirtualMeter, VirtualPoint
from ems_telemetry.config.quantities import QUANTITIES, Law
from ems_telemetry.config.service import Settings
from ems_telemetry.config.units import accepted_units
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import Flag
from ems_telemetry.observe import Metrics
from ems_telemetry.rules.profiles import PROFILES

DOCS = Path(__file__).parents[3] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()


def settings(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = next((a for a in (field.annotation, *get_args(field.annotation)) if isinstance(a, type)), None)
        if inner is not None and issubclass(inner, BaseModel):
            yield from settings(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


@pytest.mark.parametrize("name", list(settings(Settings)))
def test_every_setting_is_documented(name: str) -> None:
    assert f"`{name}`" in CONFIGURATION


@pytest.mark.parametrize("model", [ConnectorFile, Meter, Point])
def test_every_common_key_of_a_connector_file_is_documented(model: type[BaseModel]) -> None:
    assert [name for name in model.model_fields if f"`{name}`" not in CONFIGURATION] == []


@pytest.mark.parametrize("model", [Plant, Site, OwnQuantity, VirtualMeter, VirtualPoint])
def test_every_key_of_the_plant_file_is_documented(model: type[BaseModel]) -> None:
    assert [name for name in model.model_fields if name not in CONFIGURATION] == []


def test_the_table_of_quantities_is_that_of_the_code() -> None:
    rows = [f"| `{one.name}` | {one.unit} | {one.law} | {', '.join(accepted_units(one))} |" for one in QUANTITIES.values()]
    table = CONFIGURATION.partition("| quantity | stored in | law | accepts, among others |\n|---|---|---|---|\n")[2]
    assert table.partition("\n\n")[0].split("\n") == rows


@pytest.mark.parametrize("law", list(Law))
def test_every_law_is_explained(law: Law) -> None:
    assert f"`{law}`" in CONFIGURATION


def test_every_metric_is_documented() -> None:
    text = (DOCS / "metrics.md").read_text()
    families = {family.name: family.type for family in Metrics().registry.collect()}
    names = [f"{name}_total" if kind == "counter" else name for name, kind in families.items()]
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_flags_of_the_database_are_those_of_the_code() -> None:
    migrations = "".join(file.read_text() for file in sorted((DOCS.parent / "migrations").glob("*.sql")))
    assert [flag.name for flag in Flag if f"({flag.value}, '{str(flag.name).lower()}'" not in migrations] == []


@pytest.mark.parametrize("flag", list(Flag))
def test_every_flag_is_explained(flag: Flag) -> None:
    assert f"| `{str(flag.name).lower()}` | {flag.value} |" in (DOCS / "database.md").read_text()
    words = DOCS.parent / "src/ems_telemetry/web/static/words.js"
    assert f"  {str(flag.name).lower()}: " in words.read_text()


@pytest.mark.parametrize("flag", list(IntervalFlag))
def test_every_flag_of_intervals_is_explained(flag: IntervalFlag) -> None:
    assert f"| `{str(flag.name).lower()}` | {flag.value} |" in (DOCS / "database.md").read_text()
    assert f"({flag.value}, '{str(flag.name).lower()}'" in (DOCS.parent / "migrations/0007_intervals.sql").read_text()


def test_every_verb_stands_in_the_guide_to_commands() -> None:
    text = (DOCS / "commands.md").read_text()
    assert [verb for verb in VERBS if f"## `{verb}" not in text] == []


@pytest.mark.parametrize("file", sorted((DOCS.parent / "connectors").glob("*.yaml")), ids=lambda file: file.stem)
def test_no_example_reaches_out_before_somebody_named_an_endpoint(file: Path) -> None:
    example = YAML(typ="safe").load(file)
    assert "endpoint" not in example or example["enabled"] is False


@pytest.mark.parametrize("profile_id", PROFILES)
def test_every_profile_of_the_rules_is_explained(profile_id: str) -> None:
    assert f"| `{profile_id}` | " in (DOCS / "validity.md").read_text()
