"""All presets, by their names in a connector file."""

from collections.abc import Mapping

from ems_telemetry.connectors.mqtt.presets.advantech_wise import ADVANTECH_WISE
from ems_telemetry.connectors.mqtt.presets.kepware import KEPWARE
from ems_telemetry.connectors.mqtt.presets.neuron import NEURON
from ems_telemetry.connectors.mqtt.presets.opcua_json import OPCUA_JSON
from ems_telemetry.connectors.mqtt.presets.preset import Preset
from ems_telemetry.connectors.mqtt.presets.shelly_gen2 import SHELLY_GEN2
from ems_telemetry.connectors.mqtt.presets.simatic_databus import SIMATIC_DATABUS
from ems_telemetry.connectors.mqtt.presets.tasmota import TASMOTA
from ems_telemetry.connectors.mqtt.presets.the_things_stack import THE_THINGS_STACK
from ems_telemetry.connectors.mqtt.presets.umh import UMH
from ems_telemetry.connectors.mqtt.presets.zigbee2mqtt import ZIGBEE2MQTT

PRESETS: Mapping[str, Preset] = {
    "tasmota": TASMOTA,
    "shelly_gen2": SHELLY_GEN2,
    "zigbee2mqtt": ZIGBEE2MQTT,
    "neuron": NEURON,
    "simatic_databus": SIMATIC_DATABUS,
    "kepware": KEPWARE,
    "advantech_wise": ADVANTECH_WISE,
    "opcua_json": OPCUA_JSON,
    "the_things_stack": THE_THINGS_STACK,
    "umh": UMH,
}
