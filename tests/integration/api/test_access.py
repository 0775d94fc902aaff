"""Who may ask what: keys, scopes, sites, and what they are told when refused."""

import logging
from datetime import timedelta

import httpx
import pytest

from ems_telemetry.api import access
from ems_telemetry.api.access import REMEMBERED_S, Caller
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.storage.keys import Scope, create_key, list_keys, revoke_key

from .conftest import START, Plant, client_of

GUARDED = [
    "/api/v1/sites",
    "/api/v1/meters",
    "/api/v1/meters/EM-01",
    "/api/v1/points",
    "/api/v1/points/EM-01.power",
    "/api/v1/points/EM-01.power/readings",
    "/api/v1/readings/latest",
    "/api/v1/connectors",
    "/api/v1/dead-letters",
    "/api/v1/dead-letters/8b9c3c0e-4a3e-4d0e-9a6a-0c6a7d1b2f10",
    "/api/v1/gaps",
]


def id_of(key: str) -> str:
    return key.split("_")[1]


async def ask(plant: Plant, key: str | None, path: str = "/api/v1/sites") -> httpx.Response:
    async with client_of(plant.app(), key) as client:
        return await client.get(path)


async def test_nothing_is_told_without_a_key(plant: Plant) -> None:
    async with client_of(plant.app()) as stranger:
        for path in GUARDED:
            answer = await stranger.get(path)
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == 'Bearer realm="ems-telemetry"'
            assert answer.headers["content-type"] == "application/problem+json"


async def test_what_machines_ask_at_the_root_needs_no_key(plant: Plant) -> None:
    async with client_of(plant.app()) as stranger:
        for path in ("/healthz", "/readyz", "/metrics", "/", "/api/docs", "/api/v1/openapi.json"):
            assert (await stranger.get(path)).status_code == 200, path


async def test_without_a_key_where_the_file_allows_it(plant: Plant) -> None:
    async with client_of(plant.app(allow_anonymous=True)) as anybody:
        assert len((await anybody.get("/api/v1/sites")).json()["items"]) == 2


async def test_a_wrong_key_is_refused_even_where_none_is_needed(plant: Plant) -> None:
    app = plant.app(allow_anonymous=True)
    for header in (f"Bearer ems_{'0' * 12}_{'0' * 64}", "Bearer nonsense", "Basic ZTplZQ==", "Bearer"):
        async with client_of(app) as client:
            answer = await client.get("/api/v1/sites", headers={"Authorization": header})
            assert answer.status_code == 401, header


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("hello", "not a key of this service"),
        ("ems_short_secret", "not a key of this service"),
        (f"ems_{'0' * 12}_{'0' * 64}", "not known"),
    ],
)
async def test_a_key_that_is_none_is_refused_in_words(plant: Plant, key: str, words: str) -> None:
    answer = await ask(plant, key)
    assert answer.status_code == 401
    assert words in answer.json()["detail"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_known_id_with_a_wrong_secret_is_refused_as_if_unknown(plant: Plant) -> None:
    key = await plant.key()
    wrong = key[:-1] + ("0" if key[-1] != "0" else "1")
    assert (await ask(plant, wrong)).json()["detail"] == "this key is not known"


async def test_a_key_ends_when_it_expires_also_while_it_is_remembered(plant: Plant) -> None:
    key = await plant.key(expires_at=START + timedelta(seconds=30))
    async with client_of(plant.app(), key) as client:
        assert (await client.get("/api/v1/sites")).status_code == 200
        await plant.clock.advance(30)
        answer = await client.get("/api/v1/sites")
    assert (answer.status_code, answer.json()["detail"]) == (401, f"the key {id_of(key)} expired on 2026-03-02")


async def test_a_revoked_key_ends_within_a_minute(plant: Plant) -> None:
    key = await plant.key()
    async with client_of(plant.app(), key) as client:
        assert (await client.get("/api/v1/sites")).status_code == 200
        revoked = await revoke_key(plant.database, id_of(key))
        assert revoked is not None
        assert revoked.revoked_at is not None
        await plant.clock.advance(REMEMBERED_S)
        answer = await client.get("/api/v1/sites")
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith(f"the key {id_of(key)} was revoked on 20")


async def test_revoking_twice_keeps_the_first_time_and_an_unknown_id_is_told(plant: Plant) -> None:
    key = await plant.key()
    first, second = [await revoke_key(plant.database, id_of(key)) for _ in range(2)]
    assert first is not None
    assert first == second
    assert await revoke_key(plant.database, "000000000000") is None


async def test_a_key_without_the_scope_is_refused_by_its_name(plant: Plant) -> None:
    answer = await ask(plant, await plant.key(scopes=["ingest", "audit"]))
    assert answer.status_code == 403
    assert answer.json()["detail"] == 'this needs a key with the scope "read"; this one allows audit, ingest'


@pytest.mark.parametrize(
    ("dependency", "scopes"),
    [
        (access.Reader, {Scope.READ}),
        (access.Ingester, {Scope.INGEST}),
        (access.Metrologist, {Scope.METROLOGY, Scope.ADMIN}),
        (access.Methodist, {Scope.METHODS}),
        (access.Approver, {Scope.APPROVE}),
        (access.Auditor, {Scope.AUDIT}),
        (access.Administrator, {Scope.ADMIN}),
    ],
)
async def test_each_kind_of_operation_opens_to_its_scopes_and_to_no_other(
    plant: Plant, dependency: type[Caller], scopes: set[Scope]
) -> None:
    async def operation(caller: Caller) -> str:
        return caller.id

    operation.__annotations__["caller"] = dependency
    app = plant.app()
    app.get("/tried")(operation)
    for scope in Scope:
        key = await plant.key([scope])
        async with client_of(app, key) as client:
            answer = await client.get("/tried")
        assert answer.status_code == (200 if scope in scopes else 403), scope
        if scope in scopes:
            assert answer.json() == f"key:{id_of(key)}"


async def test_an_unknown_scope_is_refused_with_the_known_ones(plant: Plant) -> None:
    with pytest.raises(ConfigurationError, match='"raed" is not a scope; known are read, ingest,'):
        await create_key(plant.database, "typo", ["raed"])


@pytest.mark.parametrize(("scopes", "sites"), [([], None), (["read"], [])])
async def test_a_key_that_could_do_nothing_is_not_made(plant: Plant, scopes: list[str], sites: list[str] | None) -> None:
    with pytest.raises(ConfigurationError):
        await create_key(plant.database, "useless", scopes, sites)
    assert await list_keys(plant.database) == []


async def test_a_key_is_listed_without_anything_that_opens(any_plant: Plant) -> None:
    key = await any_plant.key(sites=["BER1"], expires_at=START)
    (listed,) = await list_keys(any_plant.database)
    assert (listed.id, listed.name, listed.scopes, listed.sites) == (id_of(key), "test", ["read"], ["BER1"])
    assert key.rpartition("_")[2] not in repr(listed)
    async with any_plant.database.connection() as connection:
        stored = await (await connection.execute("SELECT api_keys::text FROM api_keys")).fetchone()
    assert key.rpartition("_")[2] not in str(stored)


async def test_a_key_for_one_site_sees_nothing_of_another(any_plant: Plant) -> None:
    for point in ("EM-01.power", "EM-90.energy_import", "WM-91.volume"):
        await any_plant.store(point, 1.0)
    own = [await any_plant.lose("hall-1"), await any_plant.lose("shared", "WM-02.volume")]
    others = [await any_plant.lose("munich"), await any_plant.lose("shared", "WM-91.volume"), await any_plant.lose("shared")]
    own_gap = await any_plant.miss("shared", "WM-02.volume", from_s=0, to_s=1)
    await any_plant.miss("shared", None, from_s=0, to_s=1)
    async with client_of(any_plant.app(), await any_plant.key(sites=["BER1"])) as client:
        lists = {
            path: {item[name] for item in (await client.get(f"/api/v1/{path}")).json()["items"]}
            for path, name in {
                "sites": "id",
                "meters": "id",
                "points": "key",
                "readings/latest": "point",
                "connectors": "name",
                "dead-letters": "id",
                "gaps": "id",
            }.items()
        }
        letters = [(await client.get(f"/api/v1/dead-letters/{id_}")).status_code for id_ in (*own, *others)]
    points = {"EM-01.energy_import", "EM-01.power", "WM-02.volume"}
    assert lists == {
        "sites": {"BER1"},
        "meters": {"EM-01", "WM-02"},
        "points": points,
        "readings/latest": points,
        "connectors": {"hall-1"},
        "dead-letters": {str(id_) for id_ in own},
        "gaps": {str(own_gap)},
    }
    assert letters == [200, 200, 404, 404, 404]


async def test_another_site_is_refused_alike_whether_or_not_it_exists(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(sites=["BER1"])) as client:
        for list_ in ("meters", "points", "readings/latest"):
            for site in ("MUC1", "NOWHERE"):
                answer = await client.get(f"/api/v1/{list_}?site={site}")
                assert answer.status_code == 403
                assert answer.json()["detail"] == f'this key does not allow the site "{site}", only BER1'


async def test_what_stands_at_another_site_is_not_found_and_not_suggested(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(sites=["BER1"])) as client:
        for path in ("meters/EM-90", "points/EM-90.energy_import", "points/EM-90.energy_import/readings"):
            answer = await client.get(f"/api/v1/{path}")
            assert answer.status_code == 404
            assert "did you mean" not in answer.text or "EM-90" not in answer.json()["detail"].partition("did you mean")[2]


async def test_no_key_is_ever_repeated_or_logged(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    key = await plant.key()
    secret = key.rpartition("_")[2]
    with caplog.at_level(logging.DEBUG):
        async with client_of(plant.app(), key) as client:
            answers = [await client.get(path) for path in ("/api/v1/sites", f"/api/v1/sites?key={key}", "/api/v1/nothing")]
    assert [answer.status_code for answer in answers] == [200, 422, 404]
    assert not [answer for answer in answers if secret in answer.text]
    assert secret not in "".join(str(record.msg) for record in caplog.records if not record.name.startswith("httpx"))


async def test_a_key_seen_before_works_on_while_the_database_is_away_for_a_minute(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key()) as client:
        assert (await client.get("/api/v1/connectors")).status_code == 200
        await plant.database.close()
        assert (await client.get("/api/v1/connectors")).status_code == 200
        assert (await client.get("/api/v1/sites")).status_code == 503
        await plant.clock.advance(REMEMBERED_S)
        assert (await client.get("/api/v1/connectors")).status_code == 503
