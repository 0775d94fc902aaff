"""What a new configuration changes of the one that runs: which connectors, and which settings must wait for the next start."""

from dataclasses import dataclass, replace

from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.config.service import Settings

AT_START_ONLY = ("database", "spool", "pki", "api", "webhooks", "evidence")
"""Sections of the service file that hold for as long as the process lives: sockets, files and connections stand on them."""


@dataclass(frozen=True, slots=True)
class ConnectorChanges:
    """What becomes of each connector, by its name; one that is not enabled before and after is in none of them."""

    started: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    restarted: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


def compare_connectors(running: Configuration, wanted: Configuration) -> ConnectorChanges:
    """Tells what must be done to the connectors. What a file says counts, not how it is laid out or commented."""
    before, after = _enabled(running), _enabled(wanted)
    both = [name for name in after if name in before]
    same = {name for name in both if _is_same(running, before[name], wanted, after[name])}
    return ConnectorChanges(
        started=tuple(name for name in after if name not in before),
        stopped=tuple(name for name in before if name not in after),
        restarted=tuple(name for name in both if name not in same),
        kept=tuple(name for name in both if name in same),
    )


def at_run_time(running: Configuration, wanted: Configuration) -> tuple[Configuration, tuple[str, ...]]:
    """Gives the configuration to go on with, and the names of the settings that take effect at the next start."""
    settings = wanted.settings.model_copy(update={name: getattr(running.settings, name) for name in AT_START_ONLY})
    waiting = [name for section in AT_START_ONLY for name in _differing(section, running.settings, wanted.settings)]
    if not waiting and running.content.secrets != wanted.content.secrets:
        waiting = ["what stands in the files of database.password_file and api.tls"]
    return replace(wanted, settings=settings, content=running.content), tuple(waiting)


def _enabled(configuration: Configuration) -> dict[str, LoadedConnector]:
    return {connector.name: connector for connector in configuration.connectors if connector.file.enabled}


def _is_same(running: Configuration, before: LoadedConnector, wanted: Configuration, after: LoadedConnector) -> bool:
    """The values in the files decide; where they differ, what was checked may be the same, as with a default written out."""
    if before.content.secrets != after.content.secrets or _points(running, before) != _points(wanted, after):
        return False
    return before.content.data == after.content.data or before.file == after.file


def _points(configuration: Configuration, connector: LoadedConnector) -> list[object]:
    """What is not in the file itself but follows from it: the meaning of quantities and units."""
    return [
        (point.key, point.site, point.quantity.unit, point.conversion, point.expected_interval_s)
        for point in configuration.points
        if point.connector == connector.name
    ]


def _differing(section: str, running: Settings, wanted: Settings) -> list[str]:
    before, after = getattr(running, section), getattr(wanted, section)
    return [f"{section}.{name}" for name in type(before).model_fields if getattr(before, name) != getattr(after, name)]
