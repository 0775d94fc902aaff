"""Folders with connector files and profiles of their own, for tests."""

import json
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

from servers.meter_model import settings_for

from ems_telemetry.config.load import Configuration, load
from ems_telemetry.connectors.modbus import CONNECTOR_TYPE
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.profile import Profile, Setting
from ems_telemetry.errors import ConfigurationError

PLANT = "sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]\n"
OWN = """\
title: Acme Meter 3
medium: electricity
sources: [Acme manual, edition 2]
addressing: zero_based
first_read: {point: frequency, range: [45, 65]}
parameters:
  ratio: {default: 1, meaning: what its transformers divide by}
  unit: {choices: [Wh, kWh], meaning: the unit it was ordered with}
points:
  - {id: frequency, register: input, address: 0, type: float32, quantity: frequency, unit: Hz}
  - {id: active_power, register: input, address: 2, type: int32, quantity: active_power, unit: W, scale: 10, scale_by: [ratio]}
  - {id: energy_import, register: input, address: 4, type: int32, quantity: active_energy_import, unit: "{unit}", kind: counter}
"""


def write_profile(folder: Path, name: str = "acme/meter-3", text: str = OWN) -> Path:
    """Writes a profile of the plant, beside its connector files."""
    path = folder / "connectors" / "profiles" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def write_plant(folder: Path, *meters: str, head: str = "") -> Path:
    """Writes a service file, a plant and `connectors/hall.yaml` with meters, each a line of YAML; gives the service file."""
    (folder / "connectors").mkdir(exist_ok=True)
    (folder / "plant.yaml").write_text(PLANT)
    (folder / "ems-telemetry.yaml").write_text("connectors: connectors/*.yaml\n")
    lines = ["type: modbus", "endpoint: tcp://127.0.0.1:1502", "site: BER1", *head.splitlines(), "meters:"]
    lines += [f"  - {meter}" for meter in meters]
    (folder / "connectors/hall.yaml").write_text("\n".join(lines) + "\n")
    return folder / "ems-telemetry.yaml"


def meter_of(name: str, settings: Mapping[str, Setting], unit_id: int = 1) -> str:
    """Writes a meter `M1` that is of a profile, as a line of YAML."""
    parameters = json.dumps({key: str(value) if isinstance(value, str) else float(value) for key, value in settings.items()})
    whole = parameters.replace(".0,", ",").replace(".0}", "}")
    return f"{{id: M{unit_id}, unit_id: {unit_id}, profile: {name}{f', parameters: {whole}' if settings else ''}}}"


def loaded(folder: Path, *meters: str, head: str = "") -> Configuration:
    """Loads such a plant as the service does."""
    return load(write_plant(folder, *meters, head=head), {"modbus": CONNECTOR_TYPE.file})


def loaded_file(folder: Path, *meters: str, head: str = "") -> ModbusFile:
    """Loads such a plant, and gives its connector file."""
    file = loaded(folder, *meters, head=head).connectors[0].file
    assert isinstance(file, ModbusFile)
    return file


def problems(folder: Path, *meters: str, head: str = "") -> list[str]:
    """Tells what is wrong with such a plant, with paths from its folder."""
    try:
        loaded(folder, *meters, head=head)
    except ConfigurationError as error:
        return [str(problem).replace(f"{folder}/connectors/", "") for problem in error.problems]
    return []


def all_settings(profile: Profile) -> Iterator[dict[str, Any]]:
    """Gives every way to set a profile's parameters, by their choices."""
    ways = [parameter.choices or (settings_for(profile)[name],) for name, parameter in profile.parameters.items()]
    return (dict(zip(profile.parameters, way, strict=True)) for way in product(*ways))
