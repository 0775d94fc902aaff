"""The standard measurements of OPC 34100 (Energy Consumption Management): which quantity a MeasurementID stands for.

Source: OPC 34100 1.0.0, 6.2.2, and MeasurementIDs.csv in the folder ECM of OPCFoundation/UA-Nodeset (commit b877ed8).
"""

from typing import NamedTuple

ECM_NAMESPACE = "http://opcfoundation.org/UA/ECM/"
MEASUREMENT_ID = "MeasurementID"


class Measurement(NamedTuple):
    """What a MeasurementID stands for. Without a quantity the server's value is none that we store; `reason` says why."""

    quantity: str | None
    unit: str
    reason: str = ""


_NET = "import less export: their difference is no quantity here; read the two registers by themselves"
_DEVIATION = "a deviation between phases is no quantity here"
_CHARGE = "an electrical charge is no quantity here"

_RANGES: tuple[tuple[int, int, Measurement], ...] = (
    (1000, 1002, Measurement("active_energy_import", "Wh")),
    (1003, 1005, Measurement("active_energy_export", "Wh")),
    (1006, 1008, Measurement(None, "Wh", _NET)),
    (1009, 1011, Measurement("reactive_energy_import", "varh")),
    (1012, 1014, Measurement("reactive_energy_export", "varh")),
    (1015, 1017, Measurement(None, "varh", _NET)),
    (1018, 1020, Measurement("apparent_energy", "VAh")),
    (1021, 1023, Measurement("active_energy_import", "Wh")),
    (1024, 1026, Measurement("active_energy_export", "Wh")),
    (1027, 1029, Measurement(None, "Wh", _NET)),
    (1030, 1030, Measurement(None, "Ah", _CHARGE)),
    (1031, 1031, Measurement("level", "%")),
    (1032, 1032, Measurement("active_power", "W")),
    (1033, 1033, Measurement("current", "A")),
    (1034, 1034, Measurement("voltage", "V")),
    (1100, 1153, Measurement("voltage", "V")),
    (1154, 1156, Measurement(None, "%", _DEVIATION)),
    (1200, 1235, Measurement("current", "A")),
    (1236, 1238, Measurement(None, "%", _DEVIATION)),
    (1300, 1302, Measurement("frequency", "Hz")),
    (1400, 1414, Measurement("active_power", "W")),
    (1416, 1435, Measurement("power_demand", "W")),
    (1500, 1521, Measurement("apparent_power", "VA")),
    (1600, 1639, Measurement("reactive_power", "var")),
    (1700, 1714, Measurement("power_factor", "1")),
    (1715, 1742, Measurement("total_harmonic_distortion", "%")),
    (2006, 2008, Measurement(None, "Wh", _NET)),
    (28684, 28684, Measurement("temperature", "K")),
)


def measurement_of(measurement_id: int | None) -> Measurement | None:
    """Looks a MeasurementID up; None where it is not standardised, or leaves open what is measured (heat, gas, a volume)."""
    if measurement_id is None:
        return None
    return next((found for first, last, found in _RANGES if first <= measurement_id <= last), None)
