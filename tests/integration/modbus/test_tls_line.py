"""A line within TLS: both sides show a certificate, and each refusal is told in words."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import uvloop
from authority import Authority, Pair
from fakes import until
from modbus_lines import QUICKLY, ask_much, holding, line_to, numbers
from servers.lying_modbus import Answer, Asked, LyingModbusServer, honest, speaking_first
from servers.process import LOOPBACK
from servers.tls_front import tls_front

from ems_telemetry.connectors.modbus.errors import ClosedLinkError
from ems_telemetry.connectors.modbus.line import Line
from ems_telemetry.connectors.modbus.tls import TlsSettings
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError, PermanentError

AMPLE_S = 5.0


class Site:
    """An authority, a server's certificate and ours."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = Authority(folder / "plant", "plant")
        self.ours = self.authority.issue("ems-telemetry")
        self.tls = TlsSettings(self.authority.certificate, self.ours.certificate, self.ours.key)

    @contextlib.asynccontextmanager
    async def serving(
        self, shown: Pair | None = None, answer: Answer = honest, versions: str = "TLS1.2-TLS1.3"
    ) -> AsyncIterator[tuple[str, LyingModbusServer]]:
        """Serves within TLS, to those with a certificate of the plant's authority; gives the endpoint and the server."""
        pair = shown or self.authority.issue("gateway")
        async with LyingModbusServer(answer).serving() as server:
            front = tls_front(server.port, pair, self.authority.certificate, self.folder / "front.log", versions)
            await asyncio.to_thread(front.start)
            # Its first connection was only to see whether it listens.
            await until(lambda: server.open == 0)
            server.connections = 0
            try:
                yield f"tls://{LOOPBACK}:{front.port}", server
            finally:
                await asyncio.to_thread(front.stop)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


async def failure_of(line: Line) -> EmsTelemetryError:
    """Asks until it is told that it cannot connect: with TLS 1.3 a server looks at our certificate after the handshake."""
    async with asyncio.timeout(10):
        while True:
            try:
                await line.ask(1, holding(3), AMPLE_S)
            except ClosedLinkError:
                continue
            except (ConnectionLostError, PermanentError) as error:
                return error


async def read_much(site: Site) -> None:
    async with site.serving() as (endpoint, server), line_to(endpoint, tls=site.tls) as line:
        tally = await ask_much(line, AMPLE_S)
    assert (tally.wrong, tally.right, tally.failures.total(), server.connections) == ([], tally.asked, 0, 1)


async def test_a_server_that_wants_a_certificate_is_read(site: Site) -> None:
    await read_much(site)


def test_it_works_on_uvloop_too(site: Site) -> None:
    uvloop.run(read_much(site))


@pytest.mark.parametrize("versions", ["TLS1.2-TLS1.2", "TLS1.3-TLS1.3"])
async def test_a_server_that_misses_our_certificate_says_so(site: Site, versions: str) -> None:
    without = replace(site.tls, certificate=None, key=None)
    async with site.serving(versions=versions) as (endpoint, _), line_to(endpoint, tls=without) as line:
        error = await failure_of(line)
    assert isinstance(error, EndpointRefusedError)
    assert str(error).startswith(f"cannot connect to {endpoint}: it wants to see a certificate of ours, which it trusts")


@pytest.mark.parametrize("versions", ["TLS1.2-TLS1.2", "TLS1.3-TLS1.3"])
async def test_a_server_that_does_not_trust_our_certificate_says_so(site: Site, versions: str) -> None:
    strange = Authority(site.folder / "strange", "strange").issue("ems-telemetry")
    settings = replace(site.tls, certificate=strange.certificate, key=strange.key)
    async with site.serving(versions=versions) as (endpoint, _), line_to(endpoint, tls=settings) as line:
        error = await failure_of(line)
    assert "it does not trust our certificate" in str(error)


async def test_a_server_of_an_unknown_authority_is_refused(site: Site) -> None:
    strange = Authority(site.folder / "strange", "strange").issue("gateway")
    async with site.serving(strange) as (endpoint, _), line_to(endpoint, tls=site.tls) as line:
        with pytest.raises(EndpointRefusedError, match="its certificate was not issued by the authority under ca"):
            await line.open()


async def test_a_server_whose_certificate_has_expired_is_refused(site: Site) -> None:
    expired = site.authority.issue("gateway", lasts=timedelta(minutes=-1))
    async with site.serving(expired) as (endpoint, _), line_to(endpoint, tls=site.tls) as line:
        with pytest.raises(EndpointRefusedError, match="its certificate has expired; the server needs a new one"):
            await line.open()


async def test_a_server_of_another_name_is_refused_unless_it_is_the_name_wanted(site: Site) -> None:
    elsewhere = site.authority.issue("gateway", address="10.20.0.31")
    async with site.serving(elsewhere) as (endpoint, _):
        async with line_to(endpoint, tls=site.tls) as line:
            with pytest.raises(EndpointRefusedError, match=f'its certificate is not one for "{LOOPBACK}"; say as server_name'):
                await line.open()
        async with line_to(endpoint, tls=replace(site.tls, server_name="10.20.0.31")) as line:
            assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]


async def test_a_server_of_an_old_tls_is_refused(site: Site) -> None:
    async with site.serving(versions="TLS1.0-TLS1.1") as (endpoint, _), line_to(endpoint, tls=site.tls) as line:
        with pytest.raises(EndpointRefusedError, match=r"only versions of TLS older than 1\.2"):
            await line.open()


async def test_a_server_that_speaks_no_tls_is_told(site: Site) -> None:
    async with (
        speaking_first(b"\x00\x01\x00\x00\x00\x03\x01\x83\x01" * 4) as port,
        line_to(f"tls://{LOOPBACK}:{port}", tls=site.tls) as line,
    ):
        with pytest.raises(EndpointRefusedError, match="does not speak TLS; is it a plain Modbus TCP port"):
            await line.open()


async def test_a_key_of_another_certificate_is_named_and_nothing_is_connected(site: Site) -> None:
    other = site.authority.issue("other")
    settings = replace(site.tls, key=other.key)
    async with site.serving() as (endpoint, server), line_to(endpoint, tls=settings) as line:
        with pytest.raises(PermanentError, match="the key is that of another certificate"):
            await line.open()
        assert server.connections == 0


async def test_a_certificate_that_was_renewed_is_taken_up_by_itself(site: Site) -> None:
    expired = site.authority.issue("ems-telemetry", lasts=timedelta(minutes=-1))
    settings = replace(site.tls, certificate=expired.certificate, key=expired.key)
    async with site.serving() as (endpoint, _), line_to(endpoint, tls=settings) as line:
        assert "our certificate has expired" in str(await failure_of(line))
        site.authority.issue("ems-telemetry")
        await asyncio.sleep(QUICKLY.cap_s * 2)
        assert numbers(await line.ask(1, holding(3), AMPLE_S)) == [1003]


async def test_a_closed_connection_costs_the_one_request_on_it(site: Site) -> None:
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.number == 1:
            writer.transport.abort()
        else:
            await honest(asked, writer)

    async with site.serving(answer=answer) as (endpoint, _), line_to(endpoint, tls=site.tls) as line:
        await line.ask(1, holding(3), AMPLE_S)
        with pytest.raises(ClosedLinkError):
            await line.ask(1, holding(3), AMPLE_S)
        assert numbers(await line.ask(1, holding(4), AMPLE_S)) == [1004]
