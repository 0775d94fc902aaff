"""Pausing and resuming of writing: who may, and what is answered."""

import pytest

from .conftest import Plant, client_of

VERBS = pytest.mark.parametrize("verb", ["pause", "resume"])


@VERBS
async def test_it_needs_an_administrator_for_all_sites(plant: Plant, verb: str) -> None:
    keys = [await plant.key(), await plant.key(scopes=("read", "admin"), sites=["BER1"])]
    for key in (*keys, None):
        async with client_of(plant.app(allow_anonymous=True), key) as client:
            assert (await client.post(f"/api/v1/writes/{verb}")).status_code == 403
    async with client_of(plant.app()) as client:
        assert (await client.post(f"/api/v1/writes/{verb}")).status_code == 401
    assert (plant.writes.paused, plant.resumed_by) == (None, "")


async def test_who_asks_is_handed_on_by_the_name_of_the_key(plant: Plant) -> None:
    async with client_of(plant.app(), await plant.key(scopes=("admin",))) as client:
        paused = (await client.post("/api/v1/writes/pause")).json()
        assert (paused["paused"]["by"], paused["at_rest"]) == ("key test", True)
        assert (await client.post("/api/v1/writes/resume")).json() == {"paused": None, "at_rest": False}
    assert plant.resumed_by == "key test"
