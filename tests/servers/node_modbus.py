"""modbus-serial, a Modbus TCP server that is not ours, in a process of its own; `node/modbus_server.js` tells what it says."""

from pathlib import Path

from servers.node_opcua import FOLDER, installed_node
from servers.process import ServerProcess, free_port

BUSY, SLOW, SILENT = 900, 901, 902


def node_modbus_server(folder: Path) -> ServerProcess:
    """Makes one, not started yet; its log is in the folder."""
    port = free_port()
    command = [installed_node(), str(FOLDER / "modbus_server.js")]
    return ServerProcess(command, port, folder / "node-modbus.log", {"MODBUS_PORT": str(port)})
