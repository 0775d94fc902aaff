"""The configuration as the rows the database keeps of it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.content import hash_of, written_files
from ems_telemetry.config.load import Configuration
from ems_telemetry.config.virtual import CONNECTOR, ConfiguredVirtualPoint
from ems_telemetry.model import Declaration
from ems_telemetry.storage.revising import Accepted
from ems_telemetry.storage.rows import MeterRow, PointRow, SiteRow

EXPRESSION = "expression"
"""The source of a virtual point."""


@dataclass(frozen=True, slots=True)
class PlantRows:
    """Sites, meters and points, ready to be stored."""

    sites: tuple[SiteRow, ...]
    meters: tuple[MeterRow, ...]
    points: tuple[PointRow, ...]
    connectors: tuple[str, ...]
    """Those that may make points of their own known."""


def plant_rows(configuration: Configuration) -> PlantRows:
    """Gives what the database should know of the plant."""
    meters = {point.meter.id: _meter_row(point) for point in configuration.points}
    meters |= {point.meter.id: _virtual_meter_row(point) for point in configuration.virtual_points}
    return PlantRows(
        sites=tuple(SiteRow(site.id, site.name, site.timezone, site.areas) for site in configuration.plant.sites),
        meters=tuple(meters.values()),
        points=(*map(_point_row, configuration.points), *map(_virtual_point_row, configuration.virtual_points)),
        connectors=tuple(connector.name for connector in configuration.connectors if connector.file.enabled),
    )


def as_accepted(configuration: Configuration, at: datetime) -> Accepted:
    """Gives a configuration as it is kept, in force from an instant. Takes as long as reading its files did."""
    files = written_files(configuration.path, configuration.sources)
    return Accepted(hash_of(files), at, files)


def declaration_of(point: ConfiguredPoint) -> Declaration:
    """Gives a point that a device made known as it travels through the spool."""
    meter, row = _meter_row(point), _point_row(point)
    return Declaration(
        key=row.key,
        meter=meter.id,
        meter_name=meter.name,
        site=meter.site_id,
        area=meter.area,
        medium=meter.medium,
        name=row.name,
        quantity=row.quantity,
        unit=row.unit,
        kind=str(row.kind),
        source=row.source,
        source_unit=row.source_unit,
        expected_interval_s=row.expected_interval_s,
    )


def _meter_row(point: ConfiguredPoint) -> MeterRow:
    meter = point.meter
    name = meter.name or meter.id
    stands = meter.area, name, meter.medium, point.connector, meter.parent, meter.uncertainty, meter.cost_centre
    return MeterRow(meter.id, point.site, *stands)


def _virtual_meter_row(point: ConfiguredVirtualPoint) -> MeterRow:
    meter = point.meter
    name = meter.name or meter.id
    stands = meter.area, name, meter.medium, CONNECTOR, meter.parent, meter.uncertainty, meter.cost_centre
    return MeterRow(meter.id, meter.site, *stands)


def _virtual_point_row(point: ConfiguredVirtualPoint) -> PointRow:
    """A virtual point has no readings, and nothing is due from it."""
    spec = point.point
    return PointRow(
        key=point.key,
        meter_id=point.meter.id,
        name=spec.name or point.quantity.title,
        quantity=spec.quantity,
        medium=point.medium,
        unit=point.quantity.unit,
        kind=point.kind,
        source=EXPRESSION,
        source_unit=point.quantity.unit,
        expected_interval_s=None,
        law=point.quantity.law,
        expression=spec.expression.strip(),
        definition=spec.model_dump(mode="json", exclude_defaults=True, exclude={"name"}),
    )


def _point_row(point: ConfiguredPoint) -> PointRow:
    spec = point.point
    return PointRow(
        key=point.key,
        meter_id=point.meter.id,
        name=spec.name or point.quantity.title,
        quantity=spec.quantity,
        medium=point.medium,
        unit=point.quantity.unit,
        kind=spec.kind,
        source=spec.source,
        source_unit=spec.unit,
        expected_interval_s=point.expected_interval_s,
        max_gap_s=spec.max_gap,
        max_rate=None if spec.max_rate is None else Decimal(repr(spec.max_rate)) * point.conversion.factor,
        rollover_at=None if spec.rollover_at is None else modulus(spec.rollover_at, spec.scale) * point.conversion.factor,
        law=point.quantity.law,
        interpolation=spec.interpolation.value,
        scale=spec.scale,
        offset=spec.offset,
        definition=spec.model_dump(mode="json", by_alias=True, exclude_defaults=True, exclude={"name"}, fallback=str),
    )


def modulus(rollover_at: Decimal, scale: Decimal) -> Decimal:
    """Gives what a register counts modulo, in the unit of `rollover_at`: makers write that, or the highest value shown.

    99999999.9 in steps of 0.1 is the highest of nine digits, and 4294967295 that of 32 bits: 0 follows one step later.

    Args:
        rollover_at: as written in the file.
        scale: one step of the register.
    """
    steps = rollover_at / scale
    if steps == steps.to_integral_value():
        following = int(steps) + 1
        if following & (following - 1) == 0 or str(following).rstrip("0") == "1":
            return following * scale
    return rollover_at
