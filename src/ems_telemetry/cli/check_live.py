"""`check --live`: each point of the configuration read once, in a table, with its problem in words."""

import asyncio
from collections.abc import Mapping, Sequence

import typer

from ems_telemetry.cli.output import EXIT_FAILED, as_objects, print_json, print_table, say
from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.config.problems import not_known
from ems_telemetry.connectors.contract import ConnectorType, find_connector_types
from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Quality
from ems_telemetry.service.looking import SeenConnector, SeenPoint, look_at

COLUMNS = ("connector", "point", "value", "unit", "device_value", "device_unit", "quality", "age_s", "problem")
_QUALITY_WORDS: Mapping[Quality, str] = {Quality.GOOD: "good", Quality.UNCERTAIN: "uncertain", Quality.BAD: "bad"}
Pair = tuple[LoadedConnector, ConnectorType]


def check_live(configuration: Configuration, names: Sequence[str], timeout_s: float, *, as_json: bool) -> None:
    """Looks at the connectors and prints what they say; ends with 1 if anything is refused or bad."""
    types = find_connector_types()
    chosen = [(loaded, types[loaded.file.type]) for loaded in _chosen(configuration, names)]
    seen = asyncio.run(look_at(configuration, chosen, SystemClock(), timeout_s))
    unread = [loaded.name for loaded, type_ in chosen if type_.look is None]
    failed = sum(connector.problem is not None for connector in seen)
    bad = sum(not point.is_good_enough for connector in seen for point in connector.points)
    if as_json:
        _print_json(seen, unread)
    else:
        _print_table(seen, unread, failed, bad)
    if failed or bad:
        raise typer.Exit(EXIT_FAILED)


def _chosen(configuration: Configuration, names: Sequence[str]) -> list[LoadedConnector]:
    """Gives the connectors named, also those not enabled; all that are enabled if none is named."""
    by_name = {loaded.name: loaded for loaded in configuration.connectors}
    unknown = [name for name in names if name not in by_name]
    if unknown:
        raise ConfigurationError([Problem(None, None, not_known("connector", name, by_name)) for name in unknown])
    return [by_name[name] for name in names] or [loaded for loaded in by_name.values() if loaded.file.enabled]


def _print_json(seen: Sequence[SeenConnector], unread: Sequence[str]) -> None:
    rows = [_row(connector.name, point) for connector in seen for point in connector.points]
    connectors = [{"name": c.name, "endpoint": c.endpoint, "problem": c.problem} for c in seen]
    print_json({"connectors": connectors, "not_read_live": unread, "points": as_objects(COLUMNS, rows)})


def _print_table(seen: Sequence[SeenConnector], unread: Sequence[str], failed: int, bad: int) -> None:
    rows = [[_shown(cell) for cell in _row(connector.name, point)] for connector in seen for point in connector.points]
    if rows:
        print_table([column.replace("_s", " (s)").replace("_", " ") for column in COLUMNS], rows)
    for connector in seen:
        if connector.problem is not None:
            say(f"{connector.name} ({connector.endpoint}): {connector.problem}")
    if unread:
        say(f"not read live, since their type cannot be asked: {', '.join(unread)}")
    say(_summary(len(seen), failed, len(rows), bad))


def _row(connector: str, seen: SeenPoint) -> tuple[object, ...]:
    return (
        connector,
        seen.point.key,
        seen.value,
        seen.point.quantity.unit,
        seen.said,
        seen.point.point.unit,
        _QUALITY_WORDS[seen.quality],
        None if seen.age_s is None else round(seen.age_s, 1),
        seen.problem,
    )


def _shown(cell: object) -> object:
    return f"{cell:.10g}" if isinstance(cell, float) else cell


def _summary(connectors: int, failed: int, points: int, bad: int) -> str:
    if not connectors:
        return "nothing was looked at"
    out_of_reach = f", {failed} of them out of reach or refusing us" if failed else ""
    verdict = f"{bad} of them bad or refused" if bad else "all of them good enough to store"
    return f"{connectors} connector(s) looked at{out_of_reach}; {points} point(s) read{f', {verdict}' if points else ''}"
