"""Meters read by a person: points that no endpoint tells, fed by `ems-telemetry import`."""

import asyncio
from typing import Literal

from ems_telemetry.config.connector import ConnectorFile, Meter, Point
from ems_telemetry.connectors.contract import ConnectorType, Surroundings


class ManualPoint(Point):
    """A value that somebody reads off."""

    @property
    def source(self) -> str:
        """Where it comes from."""
        return "read by hand"


class ManualMeter(Meter[ManualPoint]):
    """An instrument that somebody reads."""


class ManualFile(ConnectorFile[ManualMeter]):
    """Meters without an endpoint."""

    type: Literal["manual"]


class ManualConnector:
    """Nothing to connect to: it is up while it runs, and produces nothing by itself.

    It exists so that its points are known, listed and looked after like all others.
    """

    def __init__(self, surroundings: Surroundings) -> None:
        self._report = surroundings.report
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Waits until `stop`."""
        if self._stopping.is_set():
            return
        self._report.up()
        try:
            await self._stopping.wait()
        finally:
            self._report.stopped()

    def stop(self) -> None:
        """Asks `run` to end."""
        self._stopping.set()


def build(file: ManualFile, surroundings: Surroundings) -> ManualConnector:
    """Makes the connector of a checked file."""
    del file  # its points are all there is to it, and the service knows them already
    return ManualConnector(surroundings)


CONNECTOR_TYPE = ConnectorType("manual", ManualFile, build, is_fed_by_hand=True)
