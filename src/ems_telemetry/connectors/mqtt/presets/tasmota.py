"""Tasmota: `tele/NAME/SENSOR` with a field for each kind of sensor.

`Time` is the device's local time, without a zone. A message that a change has caused holds only the sensor that changed. The
last will, `Online` or `Offline`, is plain text.
"""

from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Known, Preset, as_object, field
from ems_telemetry.connectors.mqtt.records import Opened
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_STATUS_8 = "StatusSNS"
"""Around the same document, where it was asked for by `cmnd/NAME/Status 8`."""


def _open(document: object, _topic: str) -> Opened:
    told = as_object(field(document, _STATUS_8) or document, "Tasmota")
    return Opened(told, told.get("Time", MISSING))


def _recognise(topic: str, document: object) -> bool:
    levels = topic.split("/")
    return "tele" in levels[:-1] and levels[-1] in {"SENSOR", "STATE"} and field(document, "Time") is not None


TASMOTA = Preset(
    "Tasmota",
    _recognise,
    open=_open,
    when_missing=WhenMissing.IGNORE,
    passed_over=("/LWT",),
    needs_zone=True,
    known=(
        Known("Total", "active_energy_import", "kWh"),
        Known("ExportActive|TotalExport", "active_energy_export", "kWh"),
        Known("Power", "active_power", "W"),
        Known("ApparentPower", "apparent_power", "VA"),
        Known("ReactivePower", "reactive_power", "var"),
        Known("Factor", "power_factor", "1"),
        Known("Voltage", "voltage", "V"),
        Known("Current", "current", "A"),
        Known("Frequency", "frequency", "Hz"),
        Known("Temperature", "temperature", "degC", "or degF; see TempUnit"),
        Known("Humidity", "relative_humidity", "%"),
    ),
)
