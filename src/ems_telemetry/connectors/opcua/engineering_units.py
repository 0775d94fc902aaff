"""What unit a server means: its EUInformation, or a text, in the spelling of our connector files. Pure tables and functions.

Source of the codes: UNECE Recommendation 20 (Codes for Units of Measure Used in International Trade), as UNECE_to_OPCUA.csv of
OPCFoundation/UA-Nodeset lists them and OPC 10000-8, 5.6.3 packs them into a number. The states of NM3, Q39 and Q40 (0 degC,
1013.25 mbar) and of SM3, Q37 and Q38 (15 degC, 1013.25 mbar) are its own. No code tells a concentration at the normal state: GP
is a plain mg/m3. MAR is left out, since the Recommendation has given it the name megavar with the symbol kvar: there the
server's text decides.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import measures

UNECE_NAMESPACE = "http://www.opcfoundation.org/UA/units/un/cefact"

_ENERGY = {"WHR": "Wh", "KWH": "kWh", "MWH": "MWh", "GWH": "GWh", "JOU": "J", "KJO": "kJ", "3B": "MJ", "GV": "GJ", "D30": "TJ"}
_FUEL_ENERGY = {"N71": "therm_EC", "N72": "therm_US", "BTU": "Btu_it"}
_POWER = {"WTT": "W", "KWT": "kW", "MAW": "MW", "A90": "GW", "D03": "kW", "E07": "MW"}
_APPARENT = {"D46": "VA", "KVA": "kVA", "MVA": "MVA", "C79": "kVAh"}
_REACTIVE = {"D44": "var", "K5": "kvar", "KVR": "kvar", "K3": "kvarh", "MAH": "Mvarh"}
_ELECTRICAL = {"VLT": "V", "KVT": "kV", "2Z": "mV", "AMP": "A", "4K": "mA", "B22": "kA", "HTZ": "Hz", "KHZ": "kHz"}
_VOLUME = {
    "MTQ": "m3",
    "LTR": "L",
    "HLT": "hL",
    "MLT": "mL",
    "K6": "kL",
    "DMQ": "L",
    "FTQ": "ft3",
    "GLL": "gal_US",
    "GLI": "gal_UK",
}
_NORMAL = {"NM3": "Nm3", "Q39": "Nm3/d", "Q40": "Nm3/h", "SM3": "Sm3", "Q37": "Sm3/d", "Q38": "Sm3/h"}
_FLOW = {"MQH": "m3/h", "MQS": "m3/s", "G53": "m3/min", "G52": "m3/d", "L2": "L/min", "G51": "L/s", "E32": "L/h", "LD": "L/d"}
_OTHER_FLOW = {"4X": "kL/h", "2K": "ft3/h", "2L": "ft3/min", "G2": "gal_US/min", "G3": "gal_UK/min", "G50": "gal_US/h"}
_MASS = {"TNE": "t", "KGM": "kg", "GRM": "g", "MGM": "mg", "LBR": "lb", "STN": "short_ton", "LTN": "long_ton"}
_MASS_FLOW = {
    "E18": "t/h",
    "L71": "t/d",
    "E93": "kg/h",
    "KGS": "kg/s",
    "F31": "kg/min",
    "F30": "kg/d",
    "F27": "g/h",
    "4U": "lb/h",
}
_PRESSURE = {"BAR": "bar", "MBR": "mbar", "PAL": "Pa", "A97": "hPa", "KPA": "kPa", "MPA": "MPa", "PS": "psi", "ATM": "atm"}
_TEMPERATURE = {"CEL": "degC", "FAH": "degF", "KEL": "K"}
_CONCENTRATION = {
    "GP": "mg/m3",
    "GQ": "ug/m3",
    "A93": "g/m3",
    "M1": "mg/L",
    "H29": "ug/L",
    "GL": "g/L",
    "KMQ": "kg/m3",
    "59": "ppm",
}
_SHARE = {"P1": "%", "C62": "1"}
_WATER = {"Q30": "pH", "NTU": "NTU", "G42": "uS/cm", "H61": "mS/cm", "D10": "S/m", "H43": "S/cm"}
_MOTION = {"MTS": "m/s", "KMH": "km/h", "2X": "m/min", "RPM": "rpm", "M46": "rpm", "2N": "dB"}
_TIME = {"SEC": "s", "MIN": "min", "HUR": "h", "DAY": "d"}

UNIT_OF_CODE: Mapping[str, str] = {
    **_ENERGY, **_FUEL_ENERGY, **_POWER, **_APPARENT, **_REACTIVE, **_ELECTRICAL, **_VOLUME, **_NORMAL, **_FLOW, **_OTHER_FLOW,
    **_MASS, **_MASS_FLOW, **_PRESSURE, **_TEMPERATURE, **_CONCENTRATION, **_SHARE, **_WATER, **_MOTION, **_TIME,
}  # fmt: skip
"""Our spelling of each UNECE code that measures one of our quantities."""

_EXACT = (
    *(
        "W",
        "kW",
        "MW",
        "GW",
        "Wh",
        "kWh",
        "MWh",
        "GWh",
        "J",
        "kJ",
        "MJ",
        "GJ",
        "TJ",
        "var",
        "kvar",
        "Mvar",
        "varh",
        "kvarh",
        "Mvarh",
    ),
    *(
        "VA",
        "kVA",
        "MVA",
        "VAh",
        "kVAh",
        "MVAh",
        "V",
        "kV",
        "mV",
        "A",
        "mA",
        "kA",
        "Hz",
        "kHz",
        "m3",
        "Nm3",
        "Sm3",
        "L",
        "hL",
        "mL",
    ),
    *(
        "ft3",
        "gal_US",
        "gal_UK",
        "t",
        "kg",
        "g",
        "mg",
        "ug",
        "lb",
        "s",
        "min",
        "h",
        "d",
        "Pa",
        "hPa",
        "kPa",
        "MPa",
        "bar",
        "mbar",
    ),
    *("psi", "atm", "degC", "degF", "K", "%", "ppm", "pH", "NTU", "dB", "rpm", "S", "mS", "uS", "cm", "m", "km", "1"),
)
_SPELLED: Mapping[str, str] = {
    **{unit: unit for unit in _EXACT},
    **dict.fromkeys(("l", "ltr", "Ltr", "liter", "Liter", "litre", "Litre", "dm3"), "L"),
    **dict.fromkeys(("cbm", "m^3", "m**3", "m³", "㎥"), "m3"),
    **dict.fromkeys(
        ("Nm³", "Nm^3", "m³n", "m3n", "m³(n)", "m3(n)", "m³N", "m3N", "m³(N)", "m3(N)", "Ncbm", "m³i.N.", "m³(i.N.)"), "Nm3"
    ),
    **dict.fromkeys(("Sm³", "Sm^3"), "Sm3"),
    **dict.fromkeys(("°C", "℃", "deg.C", "Cel", "GradC", "˚C", "ºC"), "degC"),
    **dict.fromkeys(("°F", "℉", "deg.F", "˚F", "ºF"), "degF"),
    **dict.fromkeys(("µg", "μg", "mcg"), "ug"),
    **dict.fromkeys(("µS", "μS"), "uS"),
    **dict.fromkeys(("bar(g)", "barg", "bar_g", "bar(ü)", "barü", "bar(a)", "bara", "bar_a", "bar(abs)", "barabs"), "bar"),
    **dict.fromkeys(("mbar(g)", "mbarg", "mbar(a)", "mbara"), "mbar"),
    **dict.fromkeys(("KWH", "kwh", "KWh"), "kWh"),
    **dict.fromkeys(("MWH", "MWhr"), "MWh"),
    **dict.fromkeys(("KW", "kw", "kWel", "kWth"), "kW"),
    **dict.fromkeys(("kVArh", "kVARh", "KVARH", "kVarh"), "kvarh"),
    **dict.fromkeys(("kVAr", "kVAR", "KVAR", "kVar"), "kvar"),
    **dict.fromkeys(("VAr", "VAR", "Var"), "var"),
    **dict.fromkeys(("VArh", "VARh", "VARH"), "varh"),
    **dict.fromkeys(("MVAr", "MVAR", "MVar"), "Mvar"),
    **dict.fromkeys(("MVArh", "MVARh"), "Mvarh"),
    **dict.fromkeys(("KVA", "kva"), "kVA"),
    **dict.fromkeys(("to", "ton(metric)", "tonne", "tonnes"), "t"),
    **dict.fromkeys(("KG", "Kg"), "kg"),
    **dict.fromkeys(("hr", "hrs", "hour", "hours", "Std", "Stunde", "Stunden"), "h"),
    **dict.fromkeys(("sec", "Sek", "second", "seconds"), "s"),
    **dict.fromkeys(("Min", "minute", "minutes"), "min"),
    **dict.fromkeys(("day", "days", "Tag", "Tage"), "d"),
    **dict.fromkeys(("percent", "Prozent", "pct", "%rH", "%RH"), "%"),
    **dict.fromkeys(("Stück", "Stk", "pcs", "pieces", "count", "Impulse", "pulses"), "1"),
    **dict.fromkeys(("hz", "HZ"), "Hz"),
    **dict.fromkeys(("dB(A)", "dBA"), "dB"),
    **dict.fromkeys(("PSI", "psig", "psia"), "psi"),
    "ft³": "ft3",
    "hl": "hL",
    "ml": "mL",
}
_WHOLE: Mapping[str, str] = {
    **dict.fromkeys(("1/min", "min-1", "min⁻¹", "U/min", "r/min", "rev/min", "RPM", "Upm"), "rpm"),
    "kWh/h": "kW",
    "MWh/h": "MW",
}
_NOT_MEANT = re.compile(r"[\s·⋅]|(?<=W)\.(?=h)|(?<=W)\*(?=h)")
_LARGEST_CODE = 2**24 - 1


@dataclass(frozen=True, slots=True)
class DeviceUnit:
    """The unit of a variable as its server tells it."""

    said: str
    """The server's own words."""
    unit: str | None
    """As written in a connector file; None where we have no such unit."""
    remark: str | None = None
    """What a person should look at, where code and text do not agree."""


def read_unit(namespace: str | None, unit_id: int, text: str) -> DeviceUnit:
    """Reads an EUInformation.

    Args:
        namespace: its NamespaceUri: who gave the number its meaning.
        unit_id: its UnitId, -1 if the server knows none.
        text: its DisplayName.

    Returns:
        The unit by its code. Only where the text names the same volume at the normal or standard state, which no code could say
        beside it, the text wins, with a remark.
    """
    code = code_of(unit_id) if (namespace or "").rstrip("/") == UNECE_NAMESPACE else None
    by_code, by_text = UNIT_OF_CODE.get(code or ""), unit_of_text(text)
    said = text.strip() or by_code or (code or "")
    if by_code is None or by_text in {None, by_code}:
        return DeviceUnit(said, by_code or by_text)
    if re.sub(r"[NS]m3", "m3", by_text or "") == by_code:
        return DeviceUnit(said, by_text, f'the server\'s text says "{said}", its code {code} says {by_code}')
    return DeviceUnit(said, by_code, f'the server\'s code {code} says {by_code}, its text "{said}"')


def code_of(unit_id: int) -> str | None:
    """Unpacks a UNECE code of up to three characters from its number (OPC 10000-8, 5.6.3); None if it holds none."""
    if not 0 < unit_id <= _LARGEST_CODE:
        return None
    letters = unit_id.to_bytes(3, "big").lstrip(b"\0")
    return letters.decode() if letters.isascii() and letters.isalnum() else None


@cache
def unit_of_text(text: str) -> str | None:
    """Finds the unit a text names, as `m³/h` or `kW·h`; None rather than a guess where it is not known well."""
    bare = _NOT_MEANT.sub("", text).strip("[]")
    if bare in _WHOLE:
        return _WHOLE[bare]
    parts = [_SPELLED.get(part) for part in bare.split("/")]
    if None in parts:
        return None
    unit = "/".join(part for part in parts if part is not None)
    return unit if fitting_quantities(unit) else None


@cache
def fitting_quantities(unit: str) -> frozenset[str]:
    """Finds the quantities a value of this unit can be stored as: those that `check` accepts with it."""
    return frozenset(name for name, quantity in QUANTITIES.items() if measures(unit, quantity))


def unit_of_name(name: str) -> DeviceUnit | None:
    """Finds a unit that stands at the end of a name, as in `Flow [m³/h]`, `Energy (kWh)` or `power_kW`."""
    bracketed = re.search(r"[\[(]([^\[\]()]+)[\])]\s*$", name)
    appended = re.search(r"[_ ]([A-Za-z°%µ]{2}[^_ ]*)$", name)
    for found in (bracketed, appended):
        if found is not None and (unit := unit_of_text(found[1])) is not None:
            return DeviceUnit(found[1], unit, f'the unit is taken from the name "{name}"')
    return None
