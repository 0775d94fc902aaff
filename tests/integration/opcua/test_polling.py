"""Servers that cannot subscribe, and files that must be polled, with asyncua's own server."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from asyncua import ua
from fakes import until
from integration.opcua.air_plant import air_file, of_point, running
from integration.opcua.limited_server import LimitedServer, point
from servers.metering import MeteringServer

from ems_telemetry.model import Flag, Quality
from ems_telemetry.observe import LinkState

pytestmark = pytest.mark.endurance  # a server of its own for nearly every test

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def said(value: object, status: int = 0, source: datetime | None = AT) -> ua.DataValue:
    return ua.DataValue(
        ua.Variant(value),
        ua.StatusCode(ua.UInt32(status)),
        SourceTimestamp=source,  # type: ignore[arg-type]  # asyncua names its wire type
        ServerTimestamp=None,
    )


async def test_a_server_without_subscriptions_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LimitedServer(monkeypatch, Level=1.0, Flow=2.0).without_subscriptions() as server:
        nodes = {"level": point("Level"), "flow": point("Flow")}
        async with running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
            await sink.wait_for_samples(2)
            await server.say("Level", said(3.5))
            await until(lambda: of_point(sink, "level")[-1].value == 3.5)
            assert of_point(sink, "level")[-1].time == AT
            assert given.report.status.state is LinkState.UP
            assert given.report.status.last_error is None


async def test_what_has_not_changed_is_not_sent_again_and_what_has_no_source_time_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LimitedServer(monkeypatch, Still=1.0, Timeless=2.0) as server:
        await server.say("Still", said(1.0))
        await server.say("Timeless", said(2.0, source=None))
        nodes = {"still": point("Still"), "timeless": point("Timeless")}
        async with running(air_file(server.endpoint, nodes, polling="always"), tmp_path) as (sink, _):
            await until(lambda: len(of_point(sink, "timeless")) >= 5)
            assert len(of_point(sink, "still")) == 1
            await server.say("Still", said(1.0, status=0x808C0000))
            await until(lambda: len(of_point(sink, "still")) == 2)
    last = of_point(sink, "still")[-1]
    assert (last.value, last.quality, last.flags) == (None, Quality.BAD, Flag.BAD_STATUS)


async def test_a_file_may_forbid_polling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with LimitedServer(monkeypatch, Level=1.0).without_subscriptions() as server:
        file = air_file(server.endpoint, {"level": point("Level")}, polling="never")
        async with running(file, tmp_path) as (sink, given):
            await until(lambda: "BadServiceUnsupported" in str(given.report.status.last_error))
            assert not sink.samples


async def test_nodes_of_one_interval_are_read_together_within_the_server_s_limit(
    metering_server: MeteringServer, tmp_path: Path
) -> None:
    nodes: dict[str, dict[str, object]] = {
        "flow": {"node": "Air.Flow", "sampling_interval": "100ms"},
        "total": {"node": "Air.Total", "sampling_interval": "100ms"},
        "volt": {"node": "Phases", "element": 1, "field": "Voltage"},
        "nowhere": {"node": "No.Such"},
        "denied": {"node": "Denied"},
    }
    file = air_file(metering_server.endpoint, nodes, polling="always", publishing_interval="300ms")
    async with running(file, tmp_path) as (sink, given):
        await until(lambda: len(of_point(sink, "flow")) >= 5 and len(of_point(sink, "total")) >= 5)
        assert of_point(sink, "volt")[0].value == 231.0
        assert {gap.point: gap.cause for gap in sink.gaps.values()} == {
            "CA-01.nowhere": "node_unknown",
            "CA-01.denied": "node_denied",
        }
        assert len(of_point(sink, "nowhere")) == 1
        assert given.report.status.counters["nodes_refused"] == 2


async def test_a_polled_server_that_goes_away_is_found_again(tmp_path: Path) -> None:
    server = MeteringServer(tmp_path)
    server.start()
    file = air_file(server.endpoint, {"flow": "Air.Flow"}, polling="always")
    try:
        async with running(file, tmp_path) as (sink, given):
            await sink.wait_for_samples(3)
            server.kill()
            await until(lambda: given.report.status.state is LinkState.DOWN)
            before = len(sink.samples)
            server.start()
            await sink.wait_for_samples(before + 3)
    finally:
        server.stop()


async def test_a_server_whose_subscriptions_others_hold_is_polled_for_this_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = LimitedServer(monkeypatch, Level=1.0).with_subscriptions(most=0)
    nodes = {"level": point("Level")}
    async with limited as server, running(air_file(server.endpoint, nodes), tmp_path) as (sink, given):
        await sink.wait_for_samples(1)
        assert given.report.status.state is LinkState.UP
