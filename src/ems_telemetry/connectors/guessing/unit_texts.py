"""What unit a text means, in the spelling of our connector files, and which quantities it can measure. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ems_telemetry.config.quantities import QUANTITIES
from ems_telemetry.config.units import measures

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


@dataclass(frozen=True, slots=True)
class DeviceUnit:
    """A unit as a device or server tells it."""

    said: str
    """Its own words."""
    unit: str | None
    """As written in a connector file; None where we have no such unit."""
    remark: str | None = None
    """What a person should look at, where code and text do not agree."""


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
