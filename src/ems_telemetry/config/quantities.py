"""What can be measured, and the one unit each quantity is stored in.

Units and reference states follow the usage of energy and environmental reporting: energy in kWh, water in m3, gas and air at
the normal state (0 degC, 101.325 kPa) in Nm3, stack gas in mg/Nm3.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Quantity(NamedTuple):
    """A measurable quantity. `unit` is the canonical one; `title` is for people."""

    name: str
    unit: str
    title: str


def _table(rows: Iterable[tuple[str, str, str]]) -> Mapping[str, Quantity]:
    return {name: Quantity(name, unit, title) for name, unit, title in rows}


QUANTITIES: Mapping[str, Quantity] = _table(
    (
        ("active_energy_import", "kWh", "Active energy taken"),
        ("active_energy_export", "kWh", "Active energy given"),
        ("reactive_energy_import", "kvarh", "Reactive energy taken"),
        ("reactive_energy_export", "kvarh", "Reactive energy given"),
        ("apparent_energy", "kVAh", "Apparent energy"),
        ("active_power", "kW", "Active power"),
        ("reactive_power", "kvar", "Reactive power"),
        ("apparent_power", "kVA", "Apparent power"),
        ("power_demand", "kW", "Demand, mean over its block"),
        ("power_factor", "1", "Power factor"),
        ("voltage", "V", "Voltage"),
        ("current", "A", "Current"),
        ("frequency", "Hz", "Frequency"),
        ("total_harmonic_distortion", "%", "Total harmonic distortion"),
        ("heat_energy", "kWh", "Heat"),
        ("cooling_energy", "kWh", "Cold"),
        ("heat_power", "kW", "Heat power"),
        ("gas_energy", "kWh", "Energy in gas, gross calorific value"),
        ("gas_volume", "Nm3", "Gas at the normal state"),
        ("gas_flow", "Nm3/h", "Gas flow at the normal state"),
        ("gas_volume_operating", "m3", "Gas at operating conditions"),
        ("gas_flow_operating", "m3/h", "Gas flow at operating conditions"),
        ("compressed_air_volume", "Nm3", "Compressed air at the normal state"),
        ("compressed_air_flow", "Nm3/h", "Compressed air flow at the normal state"),
        ("water_volume", "m3", "Water"),
        ("water_flow", "m3/h", "Water flow"),
        ("effluent_volume", "m3", "Effluent"),
        ("effluent_flow", "m3/h", "Effluent flow"),
        ("steam_mass", "t", "Steam"),
        ("steam_flow", "t/h", "Steam flow"),
        ("steam_energy", "kWh", "Energy in steam"),
        ("fuel_volume", "L", "Liquid fuel"),
        ("fuel_mass", "kg", "Fuel"),
        ("mass", "kg", "Mass"),
        ("mass_flow", "kg/h", "Mass flow"),
        ("level", "%", "Fill level"),
        ("stack_gas_volume", "Nm3", "Stack gas at the normal state"),
        ("stack_gas_flow", "Nm3/h", "Stack gas flow at the normal state"),
        ("nox_concentration", "mg/Nm3", "Nitrogen oxides as NO2 in stack gas"),
        ("so2_concentration", "mg/Nm3", "Sulphur dioxide in stack gas"),
        ("co_concentration", "mg/Nm3", "Carbon monoxide in stack gas"),
        ("co2_concentration", "%", "Carbon dioxide in stack gas, by volume"),
        ("hcl_concentration", "mg/Nm3", "Hydrogen chloride in stack gas"),
        ("hf_concentration", "mg/Nm3", "Hydrogen fluoride in stack gas"),
        ("nh3_concentration", "mg/Nm3", "Ammonia in stack gas"),
        ("toc_concentration", "mg/Nm3", "Total organic carbon in stack gas"),
        ("dust_concentration", "mg/Nm3", "Dust in stack gas"),
        ("mercury_concentration", "ug/Nm3", "Mercury in stack gas"),
        ("oxygen_content", "%", "Oxygen, by volume"),
        ("moisture_content", "%", "Water vapour, by volume"),
        ("ph", "pH", "pH"),
        ("conductivity", "uS/cm", "Conductivity"),
        ("turbidity", "NTU", "Turbidity"),
        ("chemical_oxygen_demand", "mg/L", "Chemical oxygen demand"),
        ("suspended_solids", "mg/L", "Suspended solids"),
        ("nitrogen_concentration", "mg/L", "Nitrogen in water"),
        ("phosphorus_concentration", "mg/L", "Phosphorus in water"),
        ("chlorine_concentration", "mg/L", "Chlorine in water"),
        ("dissolved_oxygen", "mg/L", "Oxygen dissolved in water"),
        ("temperature", "degC", "Temperature"),
        ("pressure", "kPa", "Absolute pressure"),
        ("gauge_pressure", "kPa", "Pressure above the atmosphere's"),
        ("differential_pressure", "kPa", "Differential pressure"),
        ("relative_humidity", "%", "Relative humidity"),
        ("velocity", "m/s", "Velocity"),
        ("rotational_speed", "rpm", "Rotational speed"),
        ("sound_level", "dB", "Sound level, A-weighted"),
        ("operating_time", "h", "Operating time"),
        ("operating_state", "1", "Operating state"),
        ("valve_position", "%", "Valve position"),
        ("count", "1", "Pieces or pulses"),
    )
)
"""Every quantity by its name."""
