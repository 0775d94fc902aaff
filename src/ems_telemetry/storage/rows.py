"""The plant as the tables have it: sites, meters and points."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ems_telemetry.config.quantities import Law
from ems_telemetry.model import Kind


@dataclass(frozen=True, slots=True)
class SiteRow:
    """A site as configured. `timezone` is an IANA name."""

    id: str
    name: str
    timezone: str
    areas: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class MeterRow:
    """A meter as configured. `connector` is the name of the connector file."""

    id: str
    site_id: str
    area: str | None
    name: str
    medium: str | None
    connector: str
    parent_id: str | None = None
    """The meter behind which it stands."""
    uncertainty: Decimal | None = None
    """The standard uncertainty (k = 1) of its totals, relative, in percent."""
    cost_centre: str | None = None
    """Where its amounts are booked."""


@dataclass(frozen=True, slots=True)
class PointRow:
    """A point as configured. `unit` is the canonical one of its quantity, `source_unit` the device's."""

    key: str
    meter_id: str
    name: str
    quantity: str
    medium: str | None
    unit: str
    kind: Kind
    source: str
    source_unit: str
    expected_interval_s: float | None
    scale: Decimal = Decimal(1)
    offset: Decimal = Decimal(0)
    max_gap_s: float | None = None
    max_rate: Decimal | None = None
    """In `unit` per hour."""
    rollover_at: Decimal | None = None
    """The register counts modulo this, in `unit`."""
    law: str = Law.TIME_WEIGHTED_MEAN
    interpolation: str = "stepped"
    expression: str | None = None
    """Of a virtual point: what it is computed from."""
    definition: Mapping[str, Any] = field(default_factory=dict)
    """Every key that is not at its default, as it would stand in a file; JSON."""
