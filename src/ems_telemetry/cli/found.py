"""The configuration around a verb that also works without one: which connector file is meant, and where a new one fits in."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from ems_telemetry.config import own_quantities
from ems_telemetry.config.load import connector_paths, load_plant, load_settings, read_connector
from ems_telemetry.config.plant import Plant
from ems_telemetry.config.problems import not_known
from ems_telemetry.config.quantities import QUANTITIES, Quantities
from ems_telemetry.config.service import Settings
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.errors import ConfigurationError, Problem


@dataclass(frozen=True, slots=True)
class Found:
    """A service file that exists."""

    path: Path
    settings: Settings

    def plant(self) -> Plant:
        """Reads its plant file."""
        return load_plant(self.settings)

    def connectors(self) -> Mapping[str, Path]:
        """Gives the paths of its connector files by their names."""
        return {path.stem: path for path in connector_paths(self.path, self.settings)}


def find_configuration(config: Path) -> Found | None:
    """Reads the service file if there is one.

    Raises:
        ConfigurationError: it is wrong.
    """
    return Found(config, load_settings(config)) if config.exists() else None


def quantities_of(found: Found | None) -> Quantities:
    """Tells what the plant can measure; a plant file that is wrong is `check`'s business."""
    if found is None:
        return QUANTITIES
    try:
        return own_quantities.quantities_of(found.plant())
    except ConfigurationError:
        return QUANTITIES


def find_connector_file(name: str, found: Found | None, config: Path, example: str) -> Path:
    """Finds the connector file that is meant.

    Args:
        name: a connector's name, or the path of a file.
        found: the configuration, if there is one.
        config: where it was looked for.
        example: an endpoint, for the message.

    Raises:
        ConfigurationError: there is no such file.
    """
    if Path(name).is_file():
        return Path(name)
    if found is None:
        message = f'"{name}" is neither a URL, as {example}, nor a file, and there is no {config} to find it in'
        raise ConfigurationError([Problem(None, None, message)])
    connectors = found.connectors()
    if name not in connectors:
        raise ConfigurationError([Problem(found.path, None, not_known("connector", name, connectors))])
    return connectors[name]


def site_for(found: Found | None, wanted: str | None, present: str) -> str | None:
    """Chooses the site of a new connector file: the one wanted, the one it has, or the plant's only one.

    Raises:
        ConfigurationError: the plant has no such site.
    """
    if found is None:
        return wanted
    sites = [site.id for site in found.plant().sites]
    if wanted is not None and wanted not in sites:
        raise ConfigurationError([Problem(found.settings.plant, None, not_known("site", wanted, sites))])
    if wanted is None and present in sites:
        return present
    return wanted or (sites[0] if len(sites) == 1 else None)


def taken_ids(found: Found | None, file: Path) -> Collection[str]:
    """Finds the meters of all other connector files; a file that is wrong is `check`'s business."""
    if found is None:
        return ()
    types = find_file_models()
    quantities = quantities_of(found)
    ids: set[str] = set()
    for path in found.connectors().values():
        if path.resolve() == file.resolve():
            continue
        try:
            ids |= {meter.id for meter in read_connector(path, types, quantities=quantities)[1].meters}
        except ConfigurationError:
            continue
    return ids


def write_text(file: Path, text: str) -> None:
    """Writes a new connector file, its folder too.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError([Problem(file, None, f"cannot be written: {error.strerror}")]) from error
