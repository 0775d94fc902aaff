"""Connector files for the variables of `tests/servers/node/opcua_server.js`, and a connector that runs for a `with`."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from fakes import RememberingSink, surroundings
from servers.node_opcua import PLANT

from ems_telemetry.connectors.contract import Surroundings
from ems_telemetry.connectors.opcua.connector import OpcUaConnector
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.model import Sample
from ems_telemetry.retry import Backoff

END_S = 15.0


def air_file(endpoint: str, nodes: Mapping[str, Mapping[str, object] | str], **settings: object) -> OpcUaFile:
    """Builds a file with one meter `CA-01`.

    Args:
        endpoint: the server's.
        nodes: for each point its node id (without a namespace: the plant's), or all its keys, as `path` in the place of `node`.
        settings: further keys of the file.
    """
    points = []
    for name, given in nodes.items():
        keys = {"node": given} if isinstance(given, str) else dict(given)
        if "=" not in str(keys.get("node", "=")):
            keys["node"] = f"nsu={PLANT};s={keys['node']}"
        points.append({"id": name, "quantity": "gas_volume", "unit": "Nm3", **keys})
    defaults = {"type": "opcua", "site": "BER1", "publishing_interval": "100ms", "session_timeout": "6s"}
    meters = [{"id": "CA-01", "points": points}]
    return OpcUaFile.model_validate({**defaults, "endpoint": endpoint, "meters": meters, **settings})


@asynccontextmanager
async def running(
    file: OpcUaFile, folder: Path, backoff: Backoff | None = None, sink: RememberingSink | None = None
) -> AsyncIterator[tuple[RememberingSink, Surroundings]]:
    """Runs the connector of a file, stops it at the end, and fails if it does not end."""
    sink = sink or RememberingSink()
    given = surroundings(folder, sink=sink, backoff=backoff)
    connector = OpcUaConnector(file, given)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(connector.run())
        try:
            yield sink, given
        finally:
            connector.stop()
            await asyncio.wait_for(asyncio.shield(task), END_S)


def of_point(sink: RememberingSink, name: str) -> list[Sample]:
    return [sample for sample in sink.samples if sample.point == f"CA-01.{name}"]
