"""Digests of raw readings while others make the same."""

import asyncio
from datetime import timedelta

import pytest
from record_plant import ENERGY, MARCH, Plant

from ems_telemetry.storage.raw_digests import DayDigest, digest_days


@pytest.fixture
async def plant(any_plant: Plant) -> Plant:
    return any_plant


async def test_two_who_digest_the_same_day_at_once_get_the_same_digest(plant: Plant) -> None:
    edges = [MARCH, MARCH + timedelta(days=1)]

    async def second() -> list[DayDigest]:
        async with plant.database.connection() as connection:
            return await digest_days(connection, plant.ids[ENERGY], edges, plant.clock.now())

    async with plant.database.connection() as connection:
        first = await digest_days(connection, plant.ids[ENERGY], edges, plant.clock.now())
        waiting = asyncio.create_task(second())
        done, _ = await asyncio.wait({waiting}, timeout=0.3)
        assert not done
    assert await waiting == first
