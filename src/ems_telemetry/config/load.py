"""Reads and checks the whole configuration, every file, before anything is opened or connected."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ems_telemetry.config.base import FilesRead
from ems_telemetry.config.check import ConfiguredPoint, ConnectorDocument, check_connectors
from ems_telemetry.config.connector import ConnectorFile
from ems_telemetry.config.content import Content, Source, content_of
from ems_telemetry.config.document import Document, overlay_environment, read_document
from ems_telemetry.config.meter_tree import connector_meters, used_twice, virtual_meters, wrong_parents
from ems_telemetry.config.own_quantities import check_quantities, quantities_of
from ems_telemetry.config.plant import Plant, Site
from ems_telemetry.config.problems import explain, not_known
from ems_telemetry.config.quantities import QUANTITIES, Quantities
from ems_telemetry.config.service import Settings
from ems_telemetry.config.virtual import CONNECTOR, ConfiguredVirtualPoint, check_virtual
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
    content: Content = field(default=Content(), repr=False)
    """What stands in its file and in those it names, to tell whether that has changed."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the files say, checked as a whole."""

    path: Path
    settings: Settings
    plant: Plant
    connectors: tuple[LoadedConnector, ...]
    points: tuple[ConfiguredPoint, ...]
    """Those that connectors feed."""
    virtual_points: tuple[ConfiguredVirtualPoint, ...] = ()
    """Those that are computed from others."""
    content: Content = field(default=Content(), repr=False)
    """What stands in the service file and in those it names itself, as a password's."""
    sources: tuple[Source, ...] = field(default=(), repr=False)
    """Every file that was read, as it was written."""

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
    service = _read_as(Settings, _service_document(path, environment))
    settings = service.model
    problems: list[Problem] = []
    plant = _collecting(problems, lambda: _read_plant(settings.plant, environment))
    quantities = QUANTITIES if plant is None else quantities_of(plant.model)
    paths = connector_paths(path, settings)
    if not paths:
        message = f'no file matches connectors: "{settings.connectors}"; `ems-telemetry init` writes examples'
        problems.append(service.document.problem(("connectors",), message))
    found = [_collecting(problems, partial(_read_connector, path, types, environment, quantities)) for path in paths]
    read = [one for one in found if one is not None]
    if plant is None or problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    points, virtual = _check_whole(plant, [(one.document, one.model) for one in read])
    return Configuration(
        path,
        settings,
        plant.model,
        tuple(LoadedConnector(one.path.stem, one.path, one.model, one.content) for one in read),
        tuple(points),
        virtual,
        service.content,
        (service.source, plant.source, *(one.source for one in read)),
    )


def _check_whole(
    plant: "_Read[Plant]", documents: Sequence[ConnectorDocument]
) -> tuple[Sequence[ConfiguredPoint], tuple[ConfiguredVirtualPoint, ...]]:
    """Checks what no single file can know to be wrong; gives the points of connectors and the virtual ones."""
    problems: list[Problem] = []
    points = check_connectors(plant.model, documents, problems)
    meters = [*connector_meters(documents), *virtual_meters(plant.document, plant.model)]
    problems.extend(used_twice(meters))
    problems.extend(wrong_parents(meters))
    if plant.model.virtual_meters:
        words = f'the name "{CONNECTOR}" stands for virtual meters; give the file another one'
        problems.extend(Problem(one.path, None, words) for one, _ in documents if one.path.stem == CONNECTOR)
    virtual = check_virtual(plant.document, plant.model, points, meters, problems)
    if problems:
        raise ConfigurationError(list(dict.fromkeys(problems)))
    return points, virtual


def load_settings(path: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Reads the service file alone, for what needs neither plant nor connectors.

    Raises:
        ConfigurationError: with every problem found in it.
    """
    return _read_as(Settings, _service_document(path, os.environ if environment is None else environment)).model


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


def load_plant(settings: Settings, environment: Mapping[str, str] | None = None) -> Plant:
    """Reads the plant file that the service file names.

    Raises:
        ConfigurationError: with every problem found in it.
    """
    return _read_plant(settings.plant, os.environ if environment is None else environment).model


def connector_paths(path: Path, settings: Settings) -> list[Path]:
    """Finds the connector files that a service file names, in the order of their names."""
    pattern = Path(settings.connectors)
    return sorted((path.parent / pattern.parent).glob(pattern.name))


def read_connector(
    path: Path,
    types: Mapping[str, type[AnyConnectorFile]],
    environment: Mapping[str, str] | None = None,
    quantities: Quantities = QUANTITIES,
) -> tuple[Document, AnyConnectorFile]:
    """Reads one connector file, as it is written and as it is checked by itself.

    Args:
        path: the file.
        types: what the connector files of each `type:` look like.
        environment: variables for `${NAME}`; the process's own if not given.
        quantities: what the plant can measure; its profiles may name any of them.

    Raises:
        ConfigurationError: with every problem found in it.
    """
    read = _read_connector(path, types, os.environ if environment is None else environment, quantities)
    return read.document, read.model


@dataclass(frozen=True, slots=True)
class _Read(Generic[ModelT]):
    """A file as it is written, as it is checked, and the further files that took."""

    document: Document
    model: ModelT
    files: FilesRead

    @property
    def path(self) -> Path:
        return self.document.path

    @property
    def content(self) -> Content:
        return content_of(self.document, self.files)

    @property
    def source(self) -> Source:
        return Source(self.document, type(self.model), self.files)


def _read_plant(path: Path, environment: Mapping[str, str]) -> _Read[Plant]:
    read = _read_as(Plant, read_document(path, environment))
    if problems := list(check_quantities(read.document, read.model)):
        raise ConfigurationError(problems)
    return read


def _read_connector(
    path: Path, types: Mapping[str, type[AnyConnectorFile]], environment: Mapping[str, str], quantities: Quantities
) -> _Read[AnyConnectorFile]:
    document = read_document(path, environment)
    return _read_as(_model_of(document, types), document, quantities)


def _read_as(model: type[ModelT], document: Document, quantities: Quantities = QUANTITIES) -> _Read[ModelT]:
    files = FilesRead()
    context = {"folder": document.path.parent, "files": files, "quantities": quantities}
    try:
        checked = model.model_validate(document.data, context=context)
    except ValidationError as error:
        raise ConfigurationError(explain(error, document, model)) from error
    return _Read(document, checked, files)


def _model_of(document: Document, types: Mapping[str, type[AnyConnectorFile]]) -> type[AnyConnectorFile]:
    name = document.data.get("type")
    if isinstance(name, str) and name in types:
        return types[name]
    message = '"type" is missing; known are ' + ", ".join(types) if name is None else not_known("type", name, types)
    raise ConfigurationError([document.problem(("type",), message)])
