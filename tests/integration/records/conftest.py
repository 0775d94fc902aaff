from collections.abc import AsyncIterator

import pytest
from record_plant import Plant, make_plant

from ems_telemetry.storage.database import Database


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    """A site with a counter, a sub-meter and a gauge, on TimescaleDB; its clock stands still."""
    async with Database(timescaledb_url) as database:
        yield await make_plant(database)


@pytest.fixture
async def any_plant(database_url: str) -> AsyncIterator[Plant]:
    """The same on each kind of server in turn."""
    async with Database(database_url) as database:
        yield await make_plant(database)
