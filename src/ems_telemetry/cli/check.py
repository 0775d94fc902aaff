"""`check`: reads every file, says what is wrong with file and line, or lists the meters and points, or what they say now."""

from typing import Annotated

import typer

from ems_telemetry.cli.output import ConfigOption, JsonOption, as_objects, load_configuration, print_json, print_table, say
from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.load import DEFAULT_PATH, Configuration
from ems_telemetry.config.virtual import CONNECTOR, ConfiguredVirtualPoint

COLUMNS = ("site", "connector", "meter", "point", "quantity", "kind", "device_unit", "unit", "source")


def add_to(app: typer.Typer) -> None:
    """Adds the verb."""
    app.command("check")(check)


def check(
    config: ConfigOption = DEFAULT_PATH,
    live: Annotated[bool, typer.Option("--live", help="Read each point once from its device; nothing is stored.")] = False,
    connector: Annotated[list[str] | None, typer.Option(help="With --live: only this one, also if it is not enabled.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="With --live: seconds each connector may take.")] = 10.0,
    as_json: JsonOption = False,
) -> None:
    """Check all configuration files, and list the meters and points; connects to nothing unless told to look at them live."""
    configuration = load_configuration(config)
    if live:
        from ems_telemetry.cli.check_live import check_live  # noqa: PLC0415 - loads the whole way of a sample

        check_live(configuration, connector or (), timeout, as_json=as_json)
        return
    if connector:
        raise typer.BadParameter("--connector goes with --live")
    rows = [*map(_row, configuration.points), *map(_virtual_row, configuration.virtual_points)]
    if as_json:
        print_json({"points": as_objects(COLUMNS, rows), "connectors": [c.name for c in configuration.connectors]})
        return
    print_table([column.replace("_", " ") for column in COLUMNS], rows)
    say(_summary(configuration))


def _row(point: ConfiguredPoint) -> tuple[object, ...]:
    spec = point.point
    return (
        point.site,
        point.connector,
        point.meter.id,
        point.key,
        spec.quantity,
        spec.kind.value,
        spec.unit,
        point.quantity.unit,
        spec.source,
    )


def _virtual_row(point: ConfiguredVirtualPoint) -> tuple[object, ...]:
    unit = point.quantity.unit
    named = (point.site, CONNECTOR, point.meter.id, point.key)
    return (*named, point.point.quantity, point.kind.value, unit, unit, point.point.expression.strip())


def _summary(configuration: Configuration) -> str:
    meters = {point.meter.id for point in configuration.points} | {point.meter.id for point in configuration.virtual_points}
    points = len(configuration.points) + len(configuration.virtual_points)
    disabled = sum(not connector.file.enabled for connector in configuration.connectors)
    aside = f", {disabled} of them not enabled" if disabled else ""
    return (
        f"{len(configuration.plant.sites)} site(s), {len(configuration.connectors)} connector(s){aside}, "
        f"{len(meters)} meter(s), {points} point(s): all files are in order"
    )
