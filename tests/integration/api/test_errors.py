"""What clients get wrong, and what fails behind the API: each a problem document in words."""

import httpx
import pytest

from ems_telemetry.api.cursor import NOT_OURS
from ems_telemetry.api.problem import ProblemType
from ems_telemetry.api.readiness import Check, Readiness
from ems_telemetry.storage.database import Database

from .conftest import Plant, client_of

READINGS = "/api/v1/points/EM-01.energy_import/readings"
WRONG = {
    "limit=10001": ("limit", 'limit: "10001" should be less than or equal to 10000'),
    "limit=0": ("limit", 'limit: "0" should be greater than or equal to 1'),
    "limit=many": ("limit", 'limit: "many" should be a valid integer, unable to parse string as an integer'),
    "format=xml": ("format", "format: \"xml\" should be 'json', 'csv', 'ndjson' or 'parquet'"),
    "order=up": ("order", "order: \"up\" should be 'asc' or 'desc'"),
    "from=2026-03-02": (
        "from",
        'from: "2026-03-02" is not an RFC 3339 time; write it as 2026-03-02T10:00:00Z or 2026-03-02T11:00:00%2B01:00',
    ),
    "from=2026-03-02T10:00:00": (
        "from",
        'from: "2026-03-02T10:00:00" does not say its zone; write 2026-03-02T10:00:00Z for UTC, or add an offset as %2B01:00',
    ),
    "to=2026-03-02T10:00:00+01:00": (
        "to",
        'to: "2026-03-02T10:00:00 01:00" has lost its "+" on the way; write it as %2B in a URL, or give the time in UTC with Z',
    ),
    "to=2026-02-30T10:00:00Z": ("to", 'to: "2026-02-30T10:00:00Z" names no day or hour there is'),
    "from=0001-01-01T00:00:00%2B14:00": ("from", 'from: "0001-01-01T00:00:00+14:00" names no day or hour there is'),
    "from=2026-03-02T10:00:00Z&to=2026-03-02T10:00:00Z": ("from", "from: is not before `to`; nothing lies between them"),
    "fom=2026-03-02T10:00:00Z": (
        "fom",
        'fom: is not a parameter here; did you mean "from"?; known are format, limit, cursor, from, to, all, order',
    ),
    "cursor=abc": (
        "cursor",
        f'cursor: "abc" {NOT_OURS}',
    ),
}


def check_problem(answer: httpx.Response, type_: ProblemType) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert answer.status_code == body["status"] == type_.status
    assert (body["type"], body["title"]) == (type_.uri, type_.title)
    assert body["instance"] == answer.request.url.path
    return str(body["detail"])


async def test_each_wrong_parameter_is_named_with_what_was_said_and_what_is_allowed(api: httpx.AsyncClient) -> None:
    for query, (parameter, detail) in WRONG.items():
        answer = await api.get(f"{READINGS}?{query}")
        assert check_problem(answer, ProblemType.INVALID_PARAMETER) == detail
        assert [error["parameter"] for error in answer.json()["errors"]] == [parameter]


async def test_everything_that_is_wrong_is_told_at_once(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{READINGS}?limit=0&order=up&x=1")
    assert {error["parameter"] for error in answer.json()["errors"]} == {"limit", "order", "x"}


@pytest.mark.parametrize("cursor", ["WzIsImEiLDFd", "W10", "x" * 2_001, "AA==", "%00", "WzEsImEiLDFd"])
async def test_a_forged_cursor_is_refused(api: httpx.AsyncClient, cursor: str) -> None:
    check_problem(await api.get(f"/api/v1/sites?cursor={cursor}"), ProblemType.INVALID_PARAMETER)


async def test_a_long_value_is_cut_before_it_is_repeated(api: httpx.AsyncClient) -> None:
    answer = await api.get(f"{READINGS}?order={'x' * 5_000}")
    assert len(answer.text) < 800


async def test_characters_the_database_cannot_hold_are_refused(api: httpx.AsyncClient) -> None:
    for path in ("/api/v1/points/EM%00", "/api/v1/meters?site=%00", "/api/v1/dead-letters?reason=%1f"):
        check_problem(await api.get(path), ProblemType.INVALID_PARAMETER)


async def test_a_path_that_is_none_says_where_the_description_is(api: httpx.AsyncClient) -> None:
    for path in ("/api/v1/nothing", "/api/v2/points", "/api/v1/points/"):
        assert "/api/docs" in check_problem(await api.get(path), ProblemType.NOT_FOUND)


async def test_another_method_is_refused_with_those_allowed(api: httpx.AsyncClient) -> None:
    answer = await api.post("/api/v1/points")
    assert check_problem(answer, ProblemType.METHOD_NOT_ALLOWED) == "POST is not possible here; allowed: GET"
    assert answer.headers["allow"] == "GET"


async def test_a_format_that_is_not_offered_is_refused_with_those_that_are(api: httpx.AsyncClient) -> None:
    answer = await api.get("/api/v1/points", headers={"Accept": "application/xml"})
    detail = check_problem(answer, ProblemType.NOT_ACCEPTABLE)
    assert (
        detail
        == "the header Accept names none of application/json, text/csv, application/x-ndjson, application/vnd.apache.parquet"
    )


async def test_an_absent_database_is_told_as_such_and_not_why(plant: Plant, api: httpx.AsyncClient) -> None:
    assert (await api.get("/api/v1/sites")).status_code == 200
    await plant.database.close()
    for path in ("/api/v1/sites", "/api/v1/meters", "/api/v1/points", READINGS, "/api/v1/readings/latest", "/api/v1/gaps"):
        answer = await api.get(path)
        detail = check_problem(answer, ProblemType.DATABASE_UNAVAILABLE)
        assert detail == "the database does not answer now; collecting goes on. Try again in 5 s"
        assert answer.headers["retry-after"] == "5"
    assert (await api.get("/healthz")).status_code == 200


async def test_a_database_that_was_never_there_is_told_too() -> None:
    database = Database("postgresql://nobody@127.0.0.1:1/none")
    async with database, client_of(Plant(database, {}).app(allow_anonymous=True)) as client:
        check_problem(await client.get("/api/v1/sites"), ProblemType.DATABASE_UNAVAILABLE)
        assert len((await client.get("/api/v1/connectors")).json()["items"]) == 3


async def test_a_failure_inside_is_logged_and_not_told(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    app = plant.app()

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("the innermost")

    async with client_of(app) as client:
        answer = await client.get("/broken")
    assert check_problem(answer, ProblemType.INTERNAL) == "the service failed to answer; its log says why"
    assert "innermost" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    log = capsys.readouterr().out
    assert "api_request_failed" in log
    assert "the innermost" in log


async def test_a_service_that_is_not_ready_says_what_is_missing(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.readiness = Readiness(
        ready=False,
        checks=(
            Check("spool", ok=True, detail="3 batches wait"),
            Check("database", ok=False, detail="out of reach since 10:00"),
        ),
    )
    answer = await api.get("/readyz")
    assert check_problem(answer, ProblemType.NOT_READY) == "database: out of reach since 10:00"
    assert (answer.json()["ready"], [check["ok"] for check in answer.json()["checks"]]) == (False, [True, False])
    assert answer.headers["retry-after"] == "5"
