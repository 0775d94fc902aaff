"""The plant's OPC UA server: the compressor's controller and the boiler's stack analyser, new values once a second."""

import contextlib
from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import NamedTuple

from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.simulator.faults import DUST_SETTLING, DUST_ZERO_CHECK
from ems_telemetry.connectors.simulator.live import LivePlant
from ems_telemetry.connectors.simulator.loopback import LOOPBACK
from ems_telemetry.connectors.simulator.values import STATES

NAMESPACE = "urn:ems-telemetry:demo-plant"
WRITE_INTERVAL_S = 1.0


class EngineeringUnit(NamedTuple):
    """An engineering unit: its symbol and its UNECE code, from which OPC UA makes its number."""

    symbol: str
    code: str

    def information(self) -> ua.EUInformation:
        """Gives it as OPC UA describes units."""
        return ua.EUInformation(
            NamespaceUri="http://www.opcfoundation.org/UA/units/un/cefact",
            UnitId=int.from_bytes(self.code.encode(), "big"),
            DisplayName=ua.LocalizedText(self.symbol),
            Description=ua.LocalizedText(self.symbol),
        )


_NM3, _NM3_PER_H, _MG_PER_NM3 = EngineeringUnit("Nm³", "NM3"), EngineeringUnit("Nm³/h", "Q40"), EngineeringUnit("mg/Nm³", "GP")


class Variable(NamedTuple):
    """A variable of an object, and the point it shows; without a unit it is the compressor's word for its state."""

    object: str
    name: str
    point: str
    unit: EngineeringUnit | None
    normal_range: tuple[float, float] | None = None
    """What it shows in normal operation, for the property EURange."""

    @property
    def identifier(self) -> str:
        """The string part of its node id."""
        return f"{self.object}.{self.name}"


VARIABLES = (
    Variable("Compressor", "AirVolume", "CA-01.volume", _NM3),
    Variable("Compressor", "AirFlow", "CA-01.flow", _NM3_PER_H),
    Variable("Compressor", "Power", "CA-01.active_power", EngineeringUnit("kW", "KWT"), (0, 120)),
    Variable("Compressor", "Pressure", "CA-01.pressure", EngineeringUnit("bar", "BAR"), (6, 9)),
    Variable("Compressor", "State", "CA-01.state", None),
    Variable("Stack", "NOx", "ST-01.nox", _MG_PER_NM3),
    Variable("Stack", "CO", "ST-01.co", _MG_PER_NM3),
    Variable("Stack", "Dust", "ST-01.dust", _MG_PER_NM3),
    Variable("Stack", "Oxygen", "ST-01.oxygen", EngineeringUnit("%", "P1"), (0, 21)),
    Variable("Stack", "Temperature", "ST-01.temperature", EngineeringUnit("°C", "CEL"), (60, 180)),
    Variable("Stack", "GasFlow", "ST-01.flow", _NM3_PER_H),
    Variable("Stack", "GasVolume", "ST-01.volume", _NM3),
)


class OpcuaServer:
    """The server with its variables, built and not yet listening."""

    def __init__(self, server: Server, nodes: Mapping[Variable, ua.NodeId]) -> None:
        self._server = server
        self._nodes = nodes

    @contextlib.asynccontextmanager
    async def listening(self, plant: LivePlant) -> AsyncIterator[None]:
        """Answers clients for the length of an `async with`, from the first moment with values of the plant."""
        await self._write(plant)
        async with self._server:
            yield

    async def keep_writing(self, plant: LivePlant) -> None:
        """Writes every variable once a second, until cancelled."""
        while True:
            await self._write(plant)
            await plant.clock.sleep(WRITE_INTERVAL_S)

    async def _write(self, plant: LivePlant) -> None:
        """Writes every variable as it is now, all with the same time."""
        time = _ua_time(plant.now())
        for variable, node in self._nodes.items():
            await self._server.write_attribute_value(node, data_value(variable, plant, time))


def data_value(variable: Variable, plant: LivePlant, time: ua.DateTime) -> ua.DataValue:
    """Gives a variable's value and status as they are now, stamped with a time."""
    value = plant.read(variable.point)
    shown = STATES[int(value)] if variable.unit is None else value
    status = ua.StatusCode(ua.UInt32(_status(variable, plant)))
    return ua.DataValue(ua.Variant(shown), status, SourceTimestamp=time, ServerTimestamp=time)


def _ua_time(time: datetime) -> ua.DateTime:
    """The library's times are UTC and do not say so."""
    return ua.DateTime.combine(time.date(), time.time())


def _status(variable: Variable, plant: LivePlant) -> int:
    if variable.point == "ST-01.dust":
        if plant.suffers(DUST_ZERO_CHECK):
            return StatusCodes.BadOutOfService
        if plant.suffers(DUST_SETTLING):
            return StatusCodes.UncertainSensorNotAccurate
    return StatusCodes.Good


async def build_opcua_server(port: int) -> OpcuaServer:
    """Builds the server for a loopback port, without encryption; this loads the standard's nodes and takes a second or two."""
    server = Server()
    await server.init()
    server.set_endpoint(f"opc.tcp://{LOOPBACK}:{port}")
    server.set_server_name("ems-telemetry demo plant")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    await server.set_application_uri(NAMESPACE)
    return OpcuaServer(server, await _add_variables(server))


async def _add_variables(server: Server) -> Mapping[Variable, ua.NodeId]:
    namespace = await server.register_namespace(NAMESPACE)
    objects = {
        name: await server.nodes.objects.add_object(f"ns={namespace};s={name}", f"{namespace}:{name}")
        for name in dict.fromkeys(variable.object for variable in VARIABLES)
    }
    return {variable: await _add_variable(objects[variable.object], namespace, variable) for variable in VARIABLES}


async def _add_variable(parent: Node, namespace: int, variable: Variable) -> ua.NodeId:
    node_id = f"ns={namespace};s={variable.identifier}"
    empty = "" if variable.unit is None else 0.0
    node = await parent.add_variable(node_id, f"{namespace}:{variable.name}", empty)
    if variable.unit is not None:
        await node.add_property(f"{node_id}.EngineeringUnits", "0:EngineeringUnits", variable.unit.information())
    if variable.normal_range is not None:
        low, high = variable.normal_range
        await node.add_property(f"{node_id}.EURange", "0:EURange", ua.Range(Low=low, High=high))
    return node.nodeid
