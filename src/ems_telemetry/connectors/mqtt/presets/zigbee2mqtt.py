"""Zigbee2MQTT: `zigbee2mqtt/NAME` with what is known of a device.

`last_seen` is there only if it is switched on (`advanced: last_seen`), as ISO 8601 or in milliseconds. Some devices send their
numbers as text. Without `cache_state` a message holds what has changed. Whether a device is available has a topic of its own.
"""

from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Known, Preset, as_object, field
from ems_telemetry.connectors.mqtt.records import Opened
from ems_telemetry.connectors.mqtt.telling import WhenMissing


def _open(document: object, _topic: str) -> Opened:
    told = as_object(document, "Zigbee2MQTT (with its setting output: json)")
    return Opened(told, told.get("last_seen", MISSING))


def _recognise(_topic: str, document: object) -> bool:
    return field(document, "linkquality") is not None


ZIGBEE2MQTT = Preset(
    "Zigbee2MQTT",
    _recognise,
    open=_open,
    when_missing=WhenMissing.IGNORE,
    quoted_numbers=True,
    passed_over=("/availability",),
    known=(
        Known("power", "active_power", "W"),
        Known("energy|consumption", "active_energy_import", "kWh"),
        Known("produced_energy", "active_energy_export", "kWh"),
        Known("current", "current", "A"),
        Known("voltage", "voltage", "V", "devices with a battery send mV"),
        Known("ac_frequency", "frequency", "Hz"),
        Known("power_factor", "power_factor", "1"),
        Known("temperature", "temperature", "degC"),
        Known("humidity", "relative_humidity", "%"),
    ),
)
