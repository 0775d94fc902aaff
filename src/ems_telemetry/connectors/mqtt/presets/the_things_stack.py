"""The Things Stack, third version: uplinks of LoRaWAN devices on `v3/APPLICATION@TENANT/devices/DEVICE/up`.

Places begin in `decoded_payload`, which a payload formatter must fill. Its time is that of the reception by the network. Fields
that are empty are left out of messages: where a device's formatter leaves zeros out too, `missing: zero` puts them back.
"""

from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Preset, field
from ems_telemetry.connectors.mqtt.records import Opened
from ems_telemetry.connectors.mqtt.telling import WhenMissing

_NO_FORMATTER = "the uplink has no decoded_payload: give the device a payload formatter"


def _open(document: object, _topic: str) -> Opened | None:
    uplink = field(document, "uplink_message")
    if uplink is None:
        return None
    decoded = field(uplink, "decoded_payload")
    if not isinstance(decoded, dict):
        raise ValueError(_NO_FORMATTER)  # noqa: TRY004 - see preset.as_object
    time = field(uplink, "received_at") or field(document, "received_at") or MISSING
    return Opened(decoded, time)


def _recognise(_topic: str, document: object) -> bool:
    return field(document, "end_device_ids") is not None and field(document, "uplink_message") is not None


THE_THINGS_STACK = Preset("The Things Stack", _recognise, open=_open, when_missing=WhenMissing.IGNORE)
