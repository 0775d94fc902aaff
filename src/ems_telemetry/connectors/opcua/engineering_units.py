"""What unit a server means by its EUInformation, in the spelling of our connector files. Pure tables and functions.

Source of the codes: UNECE Recommendation 20 (Codes for Units of Measure Used in International Trade), as UNECE_to_OPCUA.csv of
OPCFoundation/UA-Nodeset lists them and OPC 10000-8, 5.6.3 packs them into a number. The states of NM3, Q39 and Q40 (0 degC,
1013.25 mbar) and of SM3, Q37 and Q38 (15 degC, 1013.25 mbar) are its own. No code tells a concentration at the normal state: GP
is a plain mg/m3. MAR is left out, since the Recommendation has given it the name megavar with the symbol kvar: there the
server's text decides.
"""

import re
from collections.abc import Mapping

from ems_telemetry.connectors.guessing.unit_texts import DeviceUnit, unit_of_text

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

_LARGEST_CODE = 2**24 - 1


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
