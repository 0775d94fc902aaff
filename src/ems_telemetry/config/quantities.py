"""What can be measured, the one unit each quantity is stored in, and the law by which its values are brought together.

Units and reference states follow the usage of energy and environmental reporting: energy in kWh, water in m3, gas and air at
the normal state (0 degC, 101.325 kPa) in Nm3, stack gas in mg/Nm3.
"""

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Law(StrEnum):
    """How several values of a quantity become one: those of an interval, and those of intervals."""

    SUM = "sum"
    """Amounts add up."""
    TIME_WEIGHTED_MEAN = "time_weighted_mean"
    """Each value counts for as long as it held."""
    FLOW_WEIGHTED_MEAN = "flow_weighted_mean"
    """Each value counts for what flowed while it held; for as long as it held where no flow is named."""
    RANGE = "range"
    """Least and greatest; a mean would mean nothing."""
    ENERGETIC_MEAN = "energetic_mean"
    """Of levels in decibels: ten times the logarithm of the mean of what they stand for."""
    MAXIMUM_OF_BLOCK_MEANS = "maximum_of_block_means"
    """The greatest of the means of equal blocks of time."""


class Quantity(NamedTuple):
    """A measurable quantity. `unit` is the canonical one; `title` is for people.

    `own_units` are the units that only this plant knows, as `pcs`: those that `unit`, and what a device says, may be made of.
    """

    name: str
    unit: str
    title: str
    law: Law
    own_units: tuple[str, ...] = ()


Quantities: TypeAlias = Mapping[str, Quantity]
"""Quantities by their names."""


def _table(rows: Iterable[tuple[str, str, str, Law]]) -> Quantities:
    return {name: Quantity(name, unit, title, law) for name, unit, title, law in rows}


_SUM, _MEAN, _FLOW = Law.SUM, Law.TIME_WEIGHTED_MEAN, Law.FLOW_WEIGHTED_MEAN

QUANTITIES: Quantities = _table(
    (
        ("active_energy_import", "kWh", "Active energy taken", _SUM),
        ("active_energy_export", "kWh", "Active energy given", _SUM),
        ("reactive_energy_import", "kvarh", "Reactive energy taken", _SUM),
        ("reactive_energy_export", "kvarh", "Reactive energy given", _SUM),
        ("apparent_energy", "kVAh", "Apparent energy", _SUM),
        ("active_power", "kW", "Active power", _MEAN),
        ("reactive_power", "kvar", "Reactive power", _MEAN),
        ("apparent_power", "kVA", "Apparent power", _MEAN),
        ("power_demand", "kW", "Demand, mean over its block", Law.MAXIMUM_OF_BLOCK_MEANS),
        ("power_factor", "1", "Power factor", _MEAN),
        ("voltage", "V", "Voltage", _MEAN),
        ("current", "A", "Current", _MEAN),
        ("frequency", "Hz", "Frequency", _MEAN),
        ("total_harmonic_distortion", "%", "Total harmonic distortion", _MEAN),
        ("heat_energy", "kWh", "Heat", _SUM),
        ("cooling_energy", "kWh", "Cold", _SUM),
        ("heat_power", "kW", "Heat power", _MEAN),
        ("cooling_power", "kW", "Cooling power", _MEAN),
        ("gas_energy", "kWh", "Energy in gas, gross calorific value", _SUM),
        ("gas_energy_net", "kWh", "Energy in gas, net calorific value", _SUM),
        ("gas_volume", "Nm3", "Gas at the normal state", _SUM),
        ("gas_flow", "Nm3/h", "Gas flow at the normal state", _MEAN),
        ("gas_volume_operating", "m3", "Gas at operating conditions", _SUM),
        ("gas_flow_operating", "m3/h", "Gas flow at operating conditions", _MEAN),
        ("compressed_air_volume", "Nm3", "Compressed air at the normal state", _SUM),
        ("compressed_air_flow", "Nm3/h", "Compressed air flow at the normal state", _MEAN),
        ("compressed_air_volume_anr", "m3_ANR", "Compressed air at ANR (20 degC, 1 bar, 65 % relative humidity)", _SUM),
        ("compressed_air_flow_anr", "m3_ANR/h", "Compressed air flow at ANR", _MEAN),
        ("water_volume", "m3", "Water", _SUM),
        ("water_flow", "m3/h", "Water flow", _MEAN),
        ("effluent_volume", "m3", "Effluent", _SUM),
        ("effluent_flow", "m3/h", "Effluent flow", _MEAN),
        ("steam_mass", "t", "Steam", _SUM),
        ("steam_flow", "t/h", "Steam flow", _MEAN),
        ("steam_energy", "kWh", "Energy in steam", _SUM),
        ("fuel_volume", "L", "Liquid fuel", _SUM),
        ("fuel_volume_15c", "L", "Liquid fuel, brought to 15 degC", _SUM),
        ("fuel_mass", "kg", "Fuel", _SUM),
        ("fuel_flow", "L/h", "Liquid fuel flow", _MEAN),
        ("fuel_energy", "kWh", "Energy in fuel, net calorific value", _SUM),
        ("mass", "kg", "Mass", _SUM),
        ("mass_flow", "kg/h", "Mass flow", _MEAN),
        ("waste_mass", "kg", "Waste", _SUM),
        ("refrigerant_mass", "kg", "Refrigerant charged or recovered", _SUM),
        ("stock_mass", "kg", "Mass in store", _MEAN),
        ("stock_volume", "m3", "Volume in store", _MEAN),
        ("co2_mass", "kg", "Carbon dioxide emitted", _SUM),
        ("ch4_mass", "kg", "Methane emitted", _SUM),
        ("n2o_mass", "kg", "Nitrous oxide emitted", _SUM),
        ("pollutant_mass", "kg", "Pollutant emitted", _SUM),
        ("co2e_mass", "t", "Greenhouse gases as CO2 equivalent", _SUM),
        ("level", "%", "Fill level", _MEAN),
        ("stack_gas_volume", "Nm3", "Stack gas at the normal state", _SUM),
        ("stack_gas_flow", "Nm3/h", "Stack gas flow at the normal state", _MEAN),
        ("nox_concentration", "mg/Nm3", "Nitrogen oxides as NO2 in stack gas", _FLOW),
        ("so2_concentration", "mg/Nm3", "Sulphur dioxide in stack gas", _FLOW),
        ("co_concentration", "mg/Nm3", "Carbon monoxide in stack gas", _FLOW),
        ("co2_concentration", "%", "Carbon dioxide in stack gas, by volume", _FLOW),
        ("hcl_concentration", "mg/Nm3", "Hydrogen chloride in stack gas", _FLOW),
        ("hf_concentration", "mg/Nm3", "Hydrogen fluoride in stack gas", _FLOW),
        ("nh3_concentration", "mg/Nm3", "Ammonia in stack gas", _FLOW),
        ("toc_concentration", "mg/Nm3", "Total organic carbon in stack gas", _FLOW),
        ("dust_concentration", "mg/Nm3", "Dust in stack gas", _FLOW),
        ("mercury_concentration", "ug/Nm3", "Mercury in stack gas", _FLOW),
        ("oxygen_content", "%", "Oxygen, by volume", _MEAN),
        ("moisture_content", "%", "Water vapour, by volume", _MEAN),
        ("ph", "pH", "pH", Law.RANGE),
        ("conductivity", "uS/cm", "Conductivity", _MEAN),
        ("turbidity", "NTU", "Turbidity", _MEAN),
        ("chemical_oxygen_demand", "mg/L", "Chemical oxygen demand (COD)", _FLOW),
        ("suspended_solids", "mg/L", "Total suspended solids (TSS)", _FLOW),
        ("biochemical_oxygen_demand", "mg/L", "Biochemical oxygen demand in five days (BOD5)", _FLOW),
        ("toc_in_water", "mg/L", "Total organic carbon in water", _FLOW),
        ("aox_in_water", "mg/L", "Adsorbable organic halogens (AOX) in water", _FLOW),
        ("oil_in_water", "mg/L", "Oil and grease in water", _FLOW),
        ("arsenic_in_water", "mg/L", "Arsenic in water", _FLOW),
        ("cadmium_in_water", "mg/L", "Cadmium in water", _FLOW),
        ("chromium_in_water", "mg/L", "Chromium in water", _FLOW),
        ("copper_in_water", "mg/L", "Copper in water", _FLOW),
        ("lead_in_water", "mg/L", "Lead in water", _FLOW),
        ("mercury_in_water", "mg/L", "Mercury in water", _FLOW),
        ("nickel_in_water", "mg/L", "Nickel in water", _FLOW),
        ("zinc_in_water", "mg/L", "Zinc in water", _FLOW),
        ("nitrogen_concentration", "mg/L", "Nitrogen in water", _FLOW),
        ("phosphorus_concentration", "mg/L", "Phosphorus in water", _FLOW),
        ("chlorine_concentration", "mg/L", "Chlorine in water", _MEAN),
        ("dissolved_oxygen", "mg/L", "Oxygen dissolved in water", _MEAN),
        ("temperature", "degC", "Temperature", _MEAN),
        ("pressure", "kPa", "Absolute pressure", _MEAN),
        ("gauge_pressure", "kPa", "Pressure above the atmosphere's", _MEAN),
        ("differential_pressure", "kPa", "Differential pressure", _MEAN),
        ("relative_humidity", "%", "Relative humidity", _MEAN),
        ("velocity", "m/s", "Velocity", _MEAN),
        ("rotational_speed", "rpm", "Rotational speed", _MEAN),
        ("sound_level", "dB", "Sound level, A-weighted", Law.ENERGETIC_MEAN),
        ("vibration_level", "dB", "Vibration level", Law.ENERGETIC_MEAN),
        ("operating_time", "h", "Operating time", _SUM),
        ("operating_state", "1", "Operating state", _MEAN),
        ("valve_position", "%", "Valve position", _MEAN),
        ("production_mass", "t", "Production", _SUM),
        ("heating_degree_days", "K*d", "Heating degree days", _SUM),
        ("cooling_degree_days", "K*d", "Cooling degree days", _SUM),
        ("count", "1", "Pieces or pulses", _SUM),
    )
)
"""Those that every plant knows, by name. A plant adds its own: `Plant.known_quantities`."""
