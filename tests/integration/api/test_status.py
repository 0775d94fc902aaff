"""Connectors, readiness and metrics, and what stands around every answer."""

import httpx
import pytest
from standings import DATABASE, changed, standing

from ems_telemetry.observe import Metrics

from .conftest import Plant, client_of


async def test_connectors_tell_their_state_since_when_and_why(api: httpx.AsyncClient) -> None:
    answer = (await api.get("/api/v1/connectors")).json()
    assert [item["name"] for item in answer["items"]] == ["hall-1", "munich", "shared"]
    assert answer["next"] is None
    assert answer["items"][0] == {
        "name": "hall-1",
        "type": "modbus",
        "endpoint": "tcp://10.20.0.31:502",
        "state": "down",
        "since": "2026-03-02T10:00:00Z",
        "last_error": "unit 3 is silent",
        "last_error_at": "2026-03-02T10:00:00Z",
        "last_sample_at": "2026-03-02T10:00:00Z",
        "clock_ahead_s": None,
        "counters": {"samples_stored": 7},
    }


async def test_connectors_as_a_table(api: httpx.AsyncClient) -> None:
    lines = (await api.get("/api/v1/connectors?format=csv")).text.splitlines()
    assert lines[1].endswith('unit 3 is silent,2026-03-02T10:00:00Z,2026-03-02T10:00:00Z,,"{""samples_stored"":7}"')
    assert lines[2] == "munich,opcua,opc.tcp://10.30.0.40:4840,up,2026-03-02T10:00:00Z,,,,,{}"


async def test_health_and_readiness_are_told(api: httpx.AsyncClient) -> None:
    assert (await api.get("/healthz")).json() == {"status": "ok", "version": "0.1.0"}
    assert (await api.get("/readyz")).json() == {
        "ready": True,
        "checks": [{"name": "database", "ok": True, "detail": "answers"}],
    }


def counted(metrics: Metrics) -> dict[tuple[str, str, str], float]:
    return {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in metrics.api_request.collect()
        for sample in family.samples
        if sample.name.endswith("_count")
    }


async def test_requests_are_counted_by_route_and_never_by_path(plant: Plant, api: httpx.AsyncClient) -> None:
    for path in ("/api/v1/points/EM-01.power", "/api/v1/points/EM-01.nothing", "/api/v1/none", "/api/v1/none2", "/healthz"):
        await api.get(path)
    await api.get("/page/page.js")
    await api.request("BREW", "/healthz")
    assert counted(plant.metrics) == {
        ("GET", "/api/v1/points/{key}", "200"): 1,
        ("GET", "/api/v1/points/{key}", "404"): 1,
        ("GET", "unmatched", "404"): 2,
        ("GET", "/healthz", "200"): 1,
        ("GET", "files", "200"): 1,
        ("other", "/healthz", "405"): 1,
    }


async def test_metrics_are_given_as_prometheus_reads_them(api: httpx.AsyncClient) -> None:
    await api.get("/healthz")
    answer = await api.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    assert 'ems_telemetry_api_request_seconds_count{method="GET",route="/healthz",status="200"} 1.0' in answer.text


@pytest.mark.parametrize("path", ["/", "/api/docs", "/api/v1/sites", "/api/v1/none", "/page/page.js", "/healthz"])
async def test_every_answer_carries_safe_headers(plant: Plant, path: str) -> None:
    async with client_of(plant.app()) as client:
        headers = (await client.get(path)).headers
    policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'none'")
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")
    assert headers["cache-control"] == "no-store"


async def test_the_status_is_told_whole_also_while_the_database_is_away(plant: Plant, api: httpx.AsyncClient) -> None:
    await api.get("/api/v1/connectors")  # the key is remembered
    plant.standing = standing(database=changed(DATABASE, reachable=False, problem="out of reach"))
    await plant.database.close()
    answer = (await api.get("/api/v1/status")).json()
    assert answer["well"] is False
    assert answer["troubles"] == ["the database is away: out of reach; readings wait in the spool"]
    assert (answer["as_of"], answer["spool"]["hours_left"]) == ("2026-03-02T10:00:00Z", 583.0)


async def test_a_key_for_one_site_sees_the_connectors_of_no_other(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(sites=["BER1"])) as client:
        answer = (await client.get("/api/v1/status")).json()
    assert [connector["name"] for connector in answer["connectors"]] == ["hall-1"]
