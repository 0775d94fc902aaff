"""Reads and checks the whole configuration, every file, before anything is opened or connected."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from ems_telemetry.config.check import ConfiguredPoint, check_connectors
from ems_telemetry.config.connector import ConnectorFile
from ems_telemetry.config.document import Document, overlay_environment, read_document
from ems_telemetry.config.plant import Plant, Site
from ems_telemetry.config.problems import explain, not_known
from ems_telemetry.config.service import Settings
from ems_telemetry.errors import ConfigurationError, Problem

DEFAULT_PATH = Path("config/ems-telemetry.yaml")

ModelT = TypeVar("ModelT", bound=BaseModel)
ResultT = TypeVar("ResultT")
AnyConnectorFile = ConnectorFile[Any]


@dataclass(frozen=True, slots=True)
class LoadedConnector:
    """A connector file that was read and checked. Its name is the file's."""

    name: str
    path: Path
    file: AnyConnectorFile


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the files say, checked as a whole."""

    path: Path
    settings: Settings
    plant: Plant
    connectors: tuple[LoadedConnector, ...]
    points: tuple[ConfiguredPoint, ...]

    def sites(self) -> Mapping[str, Site]:
        """Gives the sites by their ids."""
        return {site.id: site for site in self.plant.sites}


def load(
    path: Path, types: Mapping[str, type[AnyConnectorFile]], environment: Mapping[str, str] | None = None
) -> Configuration:
    """Reads the service file and every file it names.

    Args:
        path: the service file.
        types: what the connector files of each `type:` look like.
        environment: variables for `${NAME}` and `EMS_TELEMETRY__…`; the process's own if not given.

    Raises:
        ConfigurationError: with every problem found in all files, each with its file and line.
    """
    environment = os.environ if environment is None else environment
    service = _service_document(path, environment)
    settings = _validated(Settings, service)
    problems: list[Problem] = []
    plant = _collecting(problems, lambda: _validated(Plant, read_document(settings.plant, environment)))
    paths = _connector_paths(settings, service, problems)
    read = [_collecting(problems, partial(_read_connector, path, types, environment)) for path in paths]
    documents = [found for found in read if found is not None]
    if plant is None or problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    points = check_connectors(plant, documents, problems)
    if problems:
        raise ConfigurationError(problems)
    connectors = tuple(LoadedConnector(document.path.stem, document.path, file) for document, file in documents)
    return Configuration(path, settings, plant, connectors, tuple(points))


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the service file alone, for what needs neither plant nor connectors.

    Raises:
        ConfigurationError: with every problem found in it.
    """
    return _validated(Settings, _service_document(path, os.environ if environment is None else environment))


def _service_document(path: Path, environment: Mapping[str, str]) -> Document:
    service = overlay_environment(read_document(path, environment), environment)
    for section in ("database", "spool", "pki", "api", "retention", "log"):
        service.data.setdefault(section, {})
    return service


def _collecting(problems: list[Problem], read: Callable[[], ResultT]) -> ResultT | None:
    """Keeps the problems of one file, so that the next is read all the same."""
    try:
        return read()
    except ConfigurationError as error:
        problems.extend(error.problems)
        return None


def _read_connector(
    path: Path, types: Mapping[str, type[AnyConnectorFile]], environment: Mapping[str, str]
) -> tuple[Document, AnyConnectorFile]:
    document = read_document(path, environment)
    return document, _validated(_model_of(document, types), document)


def _validated(model: type[ModelT], document: Document) -> ModelT:
    try:
        return model.model_validate(document.data, context={"folder": document.path.parent})
    except ValidationError as error:
        raise ConfigurationError(explain(error, document, model)) from error


def _model_of(document: Document, types: Mapping[str, type[AnyConnectorFile]]) -> type[AnyConnectorFile]:
    name = document.data.get("type")
    if isinstance(name, str) and name in types:
        return types[name]
    message = '"type" is missing; known are ' + ", ".join(types) if name is None else not_known("type", name, types)
    raise ConfigurationError([document.problem(("type",), message)])


def _connector_paths(settings: Settings, service: Document, problems: list[Problem]) -> list[Path]:
    pattern = Path(settings.connectors)
    folder = service.path.parent / pattern.parent
    paths = sorted(folder.glob(pattern.name))
    if not paths:
        message = f'no file matches connectors: "{settings.connectors}"; `ems-telemetry init` writes examples'
        problems.append(service.problem(("connectors",), message))
    return paths
