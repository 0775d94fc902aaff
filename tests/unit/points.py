"""Builds configured points without files, for tests of what is done with them."""

from typing import Any

from ems_telemetry.config.check import ConfiguredPoint
from ems_telemetry.config.connector import Meter, Point, point_key
from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import convert_to_canonical


def configured_point(quantity: str = "active_power", unit: str = "kW", **keys: Any) -> ConfiguredPoint:  # noqa: ANN401 - as in a file
    """A point of meter EM-01, its keys as they would stand in a connector file."""
    point = Point.model_validate({"id": "p", "quantity": quantity, "unit": unit, **keys})
    meter = Meter[Point](id="EM-01", points=(point,))
    return ConfiguredPoint(
        key=point_key(meter, point),
        connector="line-3",
        site="BER1",
        meter=meter,
        point=point,
        quantity=QUANTITIES[quantity],
        conversion=convert_to_canonical(unit, QUANTITIES[quantity]),
        expected_interval_s=None,
    )
