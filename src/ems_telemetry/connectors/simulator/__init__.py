"""A small factory that speaks real OPC UA, Modbus TCP and MQTT on this machine alone, for trying ems-telemetry out.

Importing this loads no protocol library; serving the plant does.
"""

from ems_telemetry.connectors.simulator.plant import PlantSimulator
from ems_telemetry.connectors.simulator.ports import Ports

__all__ = ["PlantSimulator", "Ports"]
