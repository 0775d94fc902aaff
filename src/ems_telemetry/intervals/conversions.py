"""Conversions that need more than units: calorific values, pressures, temperatures, enthalpies. All exact, in decimal."""

from decimal import Decimal
from typing import Final

NORMAL_PRESSURE_KPA: Final = Decimal("101.325")
NORMAL_TEMPERATURE_K: Final = Decimal("273.15")
"""The normal state after DIN 1343."""
_MJ_PER_KWH: Final = Decimal("3.6")


def gas_energy_kwh(volume_m3: Decimal, correction: Decimal, calorific_value_mj_m3: Decimal) -> Decimal:
    """Gives the energy in gas, gross or net as the calorific value is, as gas bills compute it.

    Args:
        volume_m3: as metered.
        correction: for pressure and temperature, such as 1.02264; 1 where the volume is at the state of the calorific value.
        calorific_value_mj_m3: in MJ per m3.
    """
    return volume_m3 * correction * calorific_value_mj_m3 / _MJ_PER_KWH


def normal_volume_nm3(volume_m3: Decimal, pressure_kpa: Decimal, temperature_c: Decimal) -> Decimal:
    """Gives the volume at the normal state of gas metered at an absolute pressure and a temperature, as an ideal gas.

    Raises:
        ValueError: the pressure is not an absolute one, or the temperature is below absolute zero.
    """
    temperature_k = temperature_c + NORMAL_TEMPERATURE_K
    if pressure_kpa <= 0 or temperature_k <= 0:
        raise ValueError(f"{pressure_kpa} kPa at {temperature_c} °C is no state of a gas; the pressure is the absolute one")
    return volume_m3 * pressure_kpa * NORMAL_TEMPERATURE_K / (NORMAL_PRESSURE_KPA * temperature_k)


def steam_energy_kwh(mass_kg: Decimal, enthalpy_kj_kg: Decimal, feed_enthalpy_kj_kg: Decimal) -> Decimal:
    """Gives the energy in steam above that of the feed water or the condensate it came from; enthalpies in kJ per kg."""
    return mass_kg * (enthalpy_kj_kg - feed_enthalpy_kj_kg) / (1000 * _MJ_PER_KWH)
