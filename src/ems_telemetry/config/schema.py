"""JSON Schemas (draft 2020-12) of the configuration files, made from the models that check them."""

from collections.abc import Iterable
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from ems_telemetry.config.connector import ConnectorFile
from ems_telemetry.config.plant import Plant
from ems_telemetry.config.service import Settings

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def service_schema() -> dict[str, Any]:
    """Describes `ems-telemetry.yaml`."""
    return {"$schema": _DRAFT, **TypeAdapter(Settings).json_schema()}


def plant_schema() -> dict[str, Any]:
    """Describes `plant.yaml`."""
    return {"$schema": _DRAFT, **TypeAdapter(Plant).json_schema()}


def connector_schema(files: Iterable[type[ConnectorFile[Any]]]) -> dict[str, Any]:
    """Describes connector files: one of the given kinds, told apart by `type`."""
    kinds = list(files)
    references, definitions = models_json_schema([(kind, "validation") for kind in kinds])
    return {
        "$schema": _DRAFT,
        "title": "Connector file of ems-telemetry",
        "oneOf": [references[kind, "validation"] for kind in kinds],
        **definitions,
    }
