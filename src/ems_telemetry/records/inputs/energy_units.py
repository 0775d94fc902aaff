"""Amounts as energy in kWh: by their unit alone, or by a named constant such as a calorific value (CR-37 to CR-39)."""

from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, StringConstraints, model_validator

from ems_telemetry.config.units import UnitError, parse_unit, scale_between
from ems_telemetry.errors import CannotComputeError
from ems_telemetry.intervals.conversions import normal_volume_nm3
from ems_telemetry.records.inputs.children import decimal_of
from ems_telemetry.records.parameters import Params
from ems_telemetry.records.registers.register import Number, Text
from ems_telemetry.rules.arithmetic import exactly

_MJ_PER_KWH: Final = Decimal("3.6")
ENERGY_UNITS: Final[Mapping[str, tuple[Decimal, Decimal]]] = {
    "Wh": (Decimal(1), Decimal(1000)),
    "kWh": (Decimal(1), Decimal(1)),
    "MWh": (Decimal(1000), Decimal(1)),
    "GWh": (Decimal(1_000_000), Decimal(1)),
    "kJ": (Decimal(1), 1000 * _MJ_PER_KWH),
    "MJ": (Decimal(1), _MJ_PER_KWH),
    "GJ": (Decimal(1000), _MJ_PER_KWH),
    "TJ": (Decimal(1_000_000), _MJ_PER_KWH),
}
"""One of each in kWh, as a fraction: a quotient would be rounded."""


class CalorificBasis(StrEnum):
    """Which heat a calorific value counts: with that of condensing the water vapour (gross, Hs) or without (net, Hi)."""

    GROSS = "Hs"
    NET = "Hi"


BASIS_OF: Final[Mapping[str, CalorificBasis]] = {
    "gas_energy": CalorificBasis.GROSS,
    "gas_energy_net": CalorificBasis.NET,
    "fuel_energy": CalorificBasis.NET,
}
"""What quantities that are energy already were computed with."""


class Conversion(Params):
    """A named constant by which an amount becomes energy."""

    value: Number = Field(gt=0, description="Energy per amount.", examples=["11.3"])
    unit: Annotated[str, StringConstraints(pattern=rf"^({'|'.join(ENERGY_UNITS)})/\S+$")] = Field(examples=["kWh/Nm3"])
    source: Text = Field(
        description="Where the constant is from, and of what time.", examples=["supplier's bill of March 2026"]
    )
    basis: CalorificBasis | None = Field(default=None, description="Of gas and fuel: gross (Hs) or net (Hi).")
    correction: Number = Field(default=Decimal(1), gt=0, description="Of gas: for pressure and temperature, as on the bill.")
    less: Number = Field(
        default=Decimal(0), ge=0, description="Of steam: what its feed water or condensate holds, in the same unit."
    )
    pressure_kpa: Number | None = Field(default=None, gt=0, description="Absolute pressure of gas metered in m3.")
    temperature_c: Number | None = Field(default=None, gt=Decimal("-273.15"), description="Temperature of gas metered in m3.")

    @model_validator(mode="after")
    def _state_is_whole(self) -> Self:
        if (self.pressure_kpa is None) != (self.temperature_c is None):
            raise ValueError("`pressure_kpa` and `temperature_c` belong together")
        if self.pressure_kpa is not None and self.unit.partition("/")[2] != "Nm3":
            raise ValueError("with `pressure_kpa` the amount is brought to Nm3; give the constant per Nm3")
        return self


def conversion_inputs(key: str, unit: str, conversion: Conversion | None) -> dict[str, Any] | None:
    """Gives a conversion as inputs of a method, with how many of its units of amount one of the point's is.

    Args:
        key: of the point.
        unit: of its amounts.
        conversion: as the plan item says; None where the unit has to do.

    Raises:
        CannotComputeError: the unit is none of energy and there is no conversion, or it is one of something else.
    """
    if conversion is None:
        if unit in ENERGY_UNITS:
            return None
        raise CannotComputeError(
            f"{key} counts {unit}, which is no energy; give it a `conversion` in the plan item, "
            f'as {{"value": "11.3", "unit": "kWh/{unit}", "source": "…"}}'
        )
    amount = conversion.unit.partition("/")[2]
    counted = "m3" if conversion.pressure_kpa is not None else amount
    return {**conversion.model_dump(mode="json"), "amounts_per_unit": _scale(key, unit, counted, conversion.unit)}


@exactly
def energy_kwh(amount: Decimal, unit: str, conversion: Mapping[str, Any] | None) -> Decimal:
    """Gives an amount as energy in kWh.

    Args:
        amount: as counted.
        unit: of it.
        conversion: as `conversion_inputs` gives it.
    """
    if conversion is None:
        numerator, denominator = ENERGY_UNITS[unit]
        return amount * numerator / denominator
    numerator, denominator = ENERGY_UNITS[conversion["unit"].partition("/")[0]]
    counted = amount * Decimal(conversion["amounts_per_unit"])
    pressure, temperature = decimal_of(conversion["pressure_kpa"]), decimal_of(conversion["temperature_c"])
    if pressure is not None and temperature is not None:
        counted = normal_volume_nm3(counted, pressure, temperature)
    per_amount = Decimal(conversion["value"]) - Decimal(conversion["less"])
    return counted * Decimal(conversion["correction"]) * per_amount * numerator / denominator


def _scale(key: str, unit: str, amount: str, of: str) -> Decimal:
    try:
        scale = Decimal(1) if unit == amount else scale_between(parse_unit(unit), parse_unit(amount))
    except UnitError as error:
        raise CannotComputeError(f"the conversion of {key}: {error}") from error
    if scale is None:
        state = (
            "; volumes in m3 need `pressure_kpa` and `temperature_c` to become Nm3" if {unit, amount} == {"m3", "Nm3"} else ""
        )
        raise CannotComputeError(f"the conversion of {key} is in {of} and the point counts {unit}; give it per {unit}{state}")
    return scale
