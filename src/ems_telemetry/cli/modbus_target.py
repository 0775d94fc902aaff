"""Which endpoint a verb of `modbus` is about: a URL, or a connector of the configuration or a file of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError

from ems_telemetry.cli.found import Found, find_configuration, find_connector_file, quantities_of
from ems_telemetry.config.load import read_connector
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.errors import ConfigurationError, Problem

EXAMPLE = "tcp://10.20.0.31:502"
PLACEHOLDER_SITE = "SITE"

EndpointArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help=f"{EXAMPLE}, or a connector of the configuration, or its file.")
]


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, as the file that would speak to it."""

    file: ModbusFile
    name: str | None
    """The connector's name, None for a URL."""
    configuration: Found | None
    library: Library


def find_target(endpoint: str, config: Path) -> Target:
    """Finds out which endpoint is meant; connects nowhere.

    Raises:
        ConfigurationError: there is no such connector, or its file or the URL is wrong.
    """
    found = find_configuration(config)
    quantities = quantities_of(found)
    if "://" in endpoint:
        folder = None if found is None else found.path.parent / Path(found.settings.connectors).parent
        return Target(_of_url(endpoint), None, found, Library(folder, quantities))
    path = find_connector_file(endpoint, found, config, EXAMPLE)
    types = find_file_models()
    document, file = read_connector(path, types, quantities=quantities)
    if not isinstance(file, ModbusFile):
        raise ConfigurationError([document.problem(("type",), f"is a connector of type {file.type}, not modbus")])
    return Target(file, path.stem, found, Library(path.parent, quantities))


def _of_url(endpoint: str) -> ModbusFile:
    anything = {"id": "any", "quantity": "voltage", "unit": "V", "register": "holding", "address": 0, "type": "uint16"}
    meters: list[Mapping[str, Any]] = [{"id": "any", "unit_id": 1, "points": [anything]}]
    try:
        return ModbusFile.model_validate({"type": "modbus", "endpoint": endpoint, "site": PLACEHOLDER_SITE, "meters": meters})
    except ValidationError as error:
        problems = [Problem(None, None, str(detail.get("ctx", {}).get("error", detail["msg"]))) for detail in error.errors()]
        raise ConfigurationError(problems) from error
