"""Revisions of points and configurations, and reloading: what is answered, and to whom."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from ems_telemetry.api.standing import Outcome, Reload
from ems_telemetry.config.content import WrittenFile, hash_of
from ems_telemetry.storage.registry import synchronise
from ems_telemetry.storage.revising import Accepted

from .conftest import METERS, POINTS, SITES, START, Plant, client_of

ENERGY = "EM-01.energy_import"


async def accept(plant: Plant, minute: int, text: str, scale: str) -> None:
    files = [WrittenFile(Path("hall-1.yaml"), "connectors/hall-1.yaml", text)]
    accepted = Accepted(hash_of(files), START + timedelta(minutes=minute), files)
    points = [replace(one, scale=Decimal(scale), definition={"id": "x"}) if one.key == ENERGY else one for one in POINTS]
    await synchronise(plant.database, SITES, METERS, points, accepted=accepted)


@pytest.fixture
async def revised(plant: Plant) -> Plant:
    """The plant after its configuration changed twice, once of that in a way that matters to a point."""
    for minute, (text, scale) in enumerate([("password: ***", "1"), ("two", "0.1"), ("three", "0.10")]):
        await accept(plant, minute, text, scale)
    return plant


@pytest.mark.usefixtures("revised")
async def test_what_a_point_meant_is_listed_newest_first(api: httpx.AsyncClient) -> None:
    answer = (await api.get(f"/api/v1/points/{ENERGY}/revisions")).json()
    assert [(item["valid_from"], item["valid_to"], item["scale"]) for item in answer["items"]] == [
        ("2026-03-02T10:01:00Z", None, "0.1"),
        ("2026-03-02T10:00:00Z", "2026-03-02T10:01:00Z", "1"),
    ]
    assert answer["items"][0]["definition"] == {"id": "x"}
    lines = (await api.get(f"/api/v1/points/{ENERGY}/revisions?format=csv&limit=1")).text.splitlines()
    assert lines[1].endswith('counter,source of EM-01.energy_import,kWh,0.1,0,10.0,"{""id"":""x""}"')


@pytest.mark.usefixtures("revised")
async def test_lists_of_revisions_come_in_pages(api: httpx.AsyncClient) -> None:
    for path, count in ((f"/api/v1/points/{ENERGY}/revisions", 2), ("/api/v1/config/revisions", 3)):
        whole = (await api.get(path)).json()["items"]
        pages: list[object] = []
        cursor: str | None = ""
        while cursor is not None:
            page = (await api.get(f"{path}?limit=1" + (f"&cursor={cursor}" if cursor else ""))).json()
            pages += page["items"]
            cursor = page["next"]
        assert pages == whole
        assert len(whole) == count


@pytest.mark.usefixtures("revised")
async def test_a_configuration_is_given_with_the_texts_of_its_files(api: httpx.AsyncClient) -> None:
    listed = (await api.get("/api/v1/config/revisions")).json()["items"]
    assert [item["in_force_until"] for item in listed] == [None, "2026-03-02T10:02:00Z", "2026-03-02T10:01:00Z"]
    oldest = (await api.get(f"/api/v1/config/revisions/{listed[-1]['id']}")).json()
    assert [(file["name"], file["text"]) for file in oldest["files"]] == [("connectors/hall-1.yaml", "password: ***")]
    absent = await api.get(f"/api/v1/config/revisions/{listed[0]['id'] + 1}")
    assert (absent.status_code, absent.json()["detail"]) == (404, f"there is no configuration {listed[0]['id'] + 1}")


async def test_a_key_for_one_site_sees_its_points_revisions_and_no_configuration(revised: Plant) -> None:
    async with client_of(revised.app(), await revised.key(sites=["BER1"])) as client:
        assert (await client.get(f"/api/v1/points/{ENERGY}/revisions")).status_code == 200
        assert (await client.get("/api/v1/points/EM-90.energy_import/revisions")).status_code == 404
        for path in ("/api/v1/config/revisions", "/api/v1/config/revisions/1"):
            refusal = await client.get(path)
            assert (refusal.status_code, refusal.json()["detail"]) == (
                403,
                "the configuration is of all sites, and this key is for BER1 only",
            )


async def test_a_reload_needs_an_administrator_for_all_sites(plant: Plant) -> None:
    keys = [await plant.key(), await plant.key(scopes=("read", "admin"), sites=["BER1"])]
    for key in (*keys, None):
        async with client_of(plant.app(allow_anonymous=True), key) as client:
            assert (await client.post("/api/v1/reload")).status_code == 403
    async with client_of(plant.app()) as client:
        assert (await client.post("/api/v1/reload")).status_code == 401


async def test_a_reload_is_answered_with_what_it_touched_or_with_every_mistake(plant: Plant) -> None:
    plant.reload = Reload(outcome=Outcome.ACCEPTED, cause="request", began_at=START, took_s=0.3, restarted=["hall-1"], kept=2)
    async with client_of(plant.app(), await plant.key(scopes=("admin",))) as client:
        done = await client.post("/api/v1/reload")
        assert (done.status_code, done.json()["restarted"], done.json()["kept"]) == (200, ["hall-1"], 2)
        problems = ["connectors/hall-1.yaml:3: one", "connectors/hall-1.yaml:9: two"]
        plant.reload = plant.reload.model_copy(update={"outcome": Outcome.REFUSED, "problems": problems})
        wrong = await client.post("/api/v1/reload")
    assert (wrong.status_code, wrong.headers["content-type"]) == (409, "application/problem+json")
    assert wrong.json()["type"] == "urn:ems-telemetry:problem:configuration-refused"
    assert wrong.json()["problems"] == problems
    assert wrong.json()["detail"] == "; ".join(problems)
