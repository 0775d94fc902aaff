"""The units of the field that pint does not know, or knows under a name that means several, and those that people use most."""

from collections.abc import Mapping

DEFINITIONS = (
    "m3 = meter ** 3",
    "ft3 = foot ** 3",
    "ccf = 100 * ft3",
    "hcf = 100 * ft3",
    "Mcf = 1000 * ft3",
    "Nm3 = [normal_volume]",  # 0 degC, 101.325 kPa (DIN 1343)
    "Sm3 = 273.15 / 288.15 * Nm3",  # 15 degC, 101.325 kPa (ISO 13443)
    "scf60F = 0.0267911 * Nm3",  # 60 degF, 14.696 psi
    "scf68F = 0.0263849 * Nm3",  # 68 degF, 14.696 psi
    "Mscf60F = 1000 * scf60F",  # here M is a thousand, as the gas industry writes it
    "Mscf68F = 1000 * scf68F",
    "MMscf60F = 1000000 * scf60F",
    "MMscf68F = 1000000 * scf68F",
    "m3_ANR = [reference_atmosphere_volume]",  # 20 degC, 1 bar, 65 % relative humidity (ISO 8778); moist, so apart from Nm3
    "L_ANR = 0.001 * m3_ANR",
    "VA = [apparent_power]",
    "VAh = VA * hour",
    "var = [reactive_power]",
    "varh = var * hour",
    "therm_US = 105.4804 * megajoule",
    "therm_EC = 105.506 * megajoule",
    "MMBtu = 1055.05585262 * megajoule",  # International Table
    "gal_US = 3.785411784 * liter",
    "gal_UK = 4.54609 * liter",
    "kgal_US = 1000 * gal_US",
    "kgal_UK = 1000 * gal_UK",
    "gpm_US = gal_US / minute",
    "gpm_UK = gal_UK / minute",
    "MGD = 1000000 * gal_US / day",  # written in the permits of the United States alone; the others say ML/d
    "bbl = 42 * gal_US",  # of petroleum; pint's own is another barrel
    "ton_refrigeration = 3.516852842 * kilowatt",
    "ton_refrigeration_hour = 3.516852842 * kilowatt_hour",
    "pH = [acidity]",
    "NTU = [turbidity]",
    "dB = [sound_level]",
    "rpm = revolution / minute",
)
"""Beside the units pint knows. Factors: ISO 80000-3 to -5, NIST SP 811 (2008) appendix B, DIN 1343, ISO 13443."""

SPELLINGS: Mapping[str, str] = {
    "m³(ANR)": "m3_ANR",
    "m3(ANR)": "m3_ANR",
    "L(ANR)": "L_ANR",
    "m³": "m3",
    "Nm³": "Nm3",
    "Sm³": "Sm3",
    "ft³": "ft3",
    "°C": "degC",
    "°F": "degF",
    "μ": "µ",
    "dB(A)": "dB",
}
"""Replaced in this order before anything else is done with a unit."""

AMBIGUOUS: Mapping[str, tuple[str, ...]] = {
    "therm": ("therm_US", "therm_EC"),
    "thm": ("therm_US", "therm_EC"),
    "scf": ("scf60F", "scf68F"),
    "scfm": ("scf60F/min", "scf68F/min"),
    "scfh": ("scf60F/h", "scf68F/h"),
    "gal": ("gal_US", "gal_UK"),
    "gallon": ("gal_US", "gal_UK"),
    "gpm": ("gpm_US", "gpm_UK"),
    "ton": ("t (1000 kg)", "short_ton", "long_ton"),
    "cal": ("cal_it", "cal_th"),
    "calorie": ("cal_it", "cal_th"),
    "Btu": ("Btu_it", "Btu_th"),
    "BTU": ("Btu_it", "Btu_th"),
    "MBtu": ("MMBtu (a million)", "kBtu_it (a thousand)"),
    "MBTU": ("MMBtu (a million)", "kBtu_it (a thousand)"),
    "MMBTU": ("MMBtu",),
    "barrel": ("bbl (42 US gallons)",),
}
"""What each can mean. The same holds with a prefix before it, as `kgal`, and in the plural."""

FAMILIAR = (
    *("Wh", "kWh", "MWh", "GWh", "J", "kJ", "MJ", "GJ", "therm_US", "therm_EC", "MMBtu", "kBtu_it", "kcal_it", "Gcal_it"),
    *("ton_refrigeration_hour", "W", "kW", "MW", "ton_refrigeration"),
    *("varh", "kvarh", "Mvarh", "var", "kvar", "Mvar", "VAh", "kVAh", "MVAh", "VA", "kVA", "MVA"),
    *("V", "kV", "mV", "A", "mA", "Hz"),
    *("m3", "L", "l", "hl", "ft3", "ccf", "hcf", "Mcf", "gal_US", "gal_UK", "kgal_US", "kgal_UK", "bbl"),
    *("m3/h", "m3/s", "m3/min", "L/h", "L/min", "L/s", "gpm_US", "gpm_UK", "MGD"),
    *("Nm3", "Sm3", "scf60F", "scf68F", "Mscf60F", "Mscf68F", "MMscf60F", "MMscf68F"),
    *("Nm3/h", "Nm3/min", "Nm3/s", "Sm3/h", "scf60F/min", "scf68F/min"),
    *("m3_ANR", "L_ANR", "m3_ANR/h", "m3_ANR/min", "L_ANR/min"),
    *("t", "kg", "g", "lb", "short_ton", "long_ton", "t/h", "kg/h", "kg/s", "kg/min", "lb/h"),
    *("mg/Nm3", "ug/Nm3", "g/Nm3", "mg/L", "ug/L", "g/L", "kg/m3", "%", "1", "ppm"),
    *("degC", "degF", "K", "K*d", "Pa", "hPa", "kPa", "MPa", "bar", "mbar", "psi", "m/s", "rpm", "s", "min", "h", "d"),
    *("uS/cm", "mS/cm", "S/m", "pH", "NTU", "dB"),
)
"""Offered when somebody mistypes one, and listed in the documentation."""
