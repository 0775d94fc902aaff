"""Advantech WISE-4000 and ADAM: `Advantech/MAC/data`, a flat object with all channels.

`q` is the OPC quality of all of it. `t` is a text, or 0 where the module has no clock. 9999.9999 stands for a channel that is
switched off.
"""

from ems_telemetry.connectors.mqtt.path import MISSING
from ems_telemetry.connectors.mqtt.presets.preset import Preset, as_object, field
from ems_telemetry.connectors.mqtt.quality import judge_opc
from ems_telemetry.connectors.mqtt.records import Opened

_SWITCHED_OFF = 9999.9999


def _open(document: object, _topic: str) -> Opened:
    told = as_object(document, "a WISE or ADAM module")
    channels = {key: None if value == _SWITCHED_OFF else value for key, value in told.items()}
    return Opened(channels, told.get("t") or MISSING, quality=told.get("q", MISSING))


def _recognise(topic: str, document: object) -> bool:
    return topic.startswith("Advantech/") and all(field(document, key) is not None for key in ("s", "t", "q"))


ADVANTECH_WISE = Preset("Advantech WISE and ADAM", _recognise, open=_open, judge=judge_opc, passed_over=("/Device_Status",))
