"""`schema`: the JSON Schema of the configuration files, for completion in editors."""

from enum import StrEnum
from typing import Annotated

import typer

from ems_telemetry.cli.output import print_json
from ems_telemetry.config.schema import connector_schema, plant_schema, service_schema
from ems_telemetry.connectors.contract import find_connector_types


class File(StrEnum):
    """The kinds of file an engineer writes."""

    CONNECTOR = "connector"
    PLANT = "plant"
    SERVICE = "service"


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("schema")(schema)


def schema(file: Annotated[File, typer.Argument(help="Which kind of file.")] = File.CONNECTOR) -> None:
    """Print the JSON Schema of a kind of configuration file, for completion in editors."""
    if file is File.CONNECTOR:
        print_json(connector_schema(found.file for found in find_connector_types().values()))
    else:
        print_json(plant_schema() if file is File.PLANT else service_schema())
