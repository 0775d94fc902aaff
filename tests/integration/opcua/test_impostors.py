"""Somebody between the server and us who answers in its place."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
from fakes import until
from integration.opcua.air_plant import air_file, running
from integration.opcua.asyncua_server import asyncua_server
from opcua_certificates import Issued, issue_today
from servers.cable import Cable
from servers.process import LOOPBACK

from ems_telemetry.clock import SystemClock
from ems_telemetry.observe import LinkState

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

FLOW = {"flow": "Air.Flow"}
PROTECTED = {"policy": "Basic256Sha256", "mode": "SignAndEncrypt"}


class SwitchedCable(Cable):
    """Leads the first connection, which asks for the endpoints, to one server, and what comes after it to another."""

    def __init__(self, first: int, then: int) -> None:
        super().__init__(first)
        self._then = then

    async def greet(self, near_reader: asyncio.StreamReader, near_writer: asyncio.StreamWriter) -> bytes | None:
        if self.connections > 1:
            self._far_port = self._then
        return await super().greet(near_reader, near_writer)


def trust(server: Issued, folder: Path) -> None:
    trusted = folder / "pki" / "trusted"
    trusted.mkdir(parents=True)
    (trusted / "plc.der").write_bytes(server.der)


async def problem_between(first: int, then: int, folder: Path) -> str:
    """Runs a connector over a switched cable until it is refused; tells why. No value may come through."""
    cable = SwitchedCable(first, then)
    await cable.plug_in()
    try:
        file = air_file(f"opc.tcp://{LOOPBACK}:{cable.port}", FLOW, security=PROTECTED)
        async with running(file, folder) as (sink, given):
            await until(lambda: given.report.status.state is LinkState.DOWN)
            assert sink.samples == []
            return str(given.report.status.last_error)
    finally:
        await cable.unplug()


async def test_a_server_that_cannot_read_what_is_meant_for_the_trusted_one_gets_nowhere(tmp_path: Path) -> None:
    trusted = issue_today("plc")
    trust(trusted, tmp_path)
    async with (
        asyncua_server(certificate=trusted.write(tmp_path, "trusted")) as right,
        asyncua_server(certificate=issue_today("plc").write(tmp_path, "other")) as wrong,
    ):
        assert await problem_between(right, wrong, tmp_path)


async def test_a_server_that_calls_itself_otherwise_once_the_channel_is_protected_is_refused(tmp_path: Path) -> None:
    trusted = issue_today("plc")
    trust(trusted, tmp_path)
    paths = trusted.write(tmp_path, "trusted")
    async with asyncua_server(certificate=paths) as right, asyncua_server(certificate=paths, uri="urn:other") as wrong:
        assert "somebody may stand between" in await problem_between(right, wrong, tmp_path)


async def test_a_trusted_server_whose_certificate_has_expired_goes_on_and_that_is_told(tmp_path: Path) -> None:
    yesterday = SystemClock().now() - timedelta(days=1)
    old = issue_today("plc", end=yesterday)
    trust(old, tmp_path)
    async with asyncua_server(certificate=old.write(tmp_path, "plc")) as port:
        file = air_file(f"opc.tcp://{LOOPBACK}:{port}", FLOW, security=PROTECTED)
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(1)
            await until(lambda: given.report.status.last_error is not None)
            assert f"the server's certificate expired on {yesterday:%Y-%m-%d}" in str(given.report.status.last_error)
            assert given.report.status.state is LinkState.UP
