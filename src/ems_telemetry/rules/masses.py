"""Masses as weighbridges, drums and tanks tell them, brought to kilograms exactly."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import exactly

KG_PER_UNIT: Final[Mapping[str, Decimal]] = MappingProxyType(
    {
        "mg": Decimal("0.000001"),
        "g": Decimal("0.001"),
        "kg": Decimal(1),
        "t": Decimal(1000),
        "lb": Decimal("0.45359237"),
        "short_ton": Decimal("907.18474"),
        "long_ton": Decimal("1016.0469088"),
    }
)
"""Exact by definition: the international pound, 2000 and 2240 of it."""


class Mass(NamedTuple):
    """A mass in the unit it was told in."""

    value: Decimal
    unit: str


@exactly
def kilograms(mass: Mass) -> Decimal:
    """Gives a mass in kg.

    Raises:
        CannotComputeError: its unit is none of mass, or means several, as `ton`.
    """
    factor = KG_PER_UNIT.get(mass.unit)
    if factor is None:
        raise CannotComputeError(f'"{mass.unit}" is no unit of mass here; say one of {", ".join(KG_PER_UNIT)}')
    return mass.value * factor
