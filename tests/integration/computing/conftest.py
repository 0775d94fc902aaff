from collections.abc import AsyncIterator

import pytest

from ems_telemetry.storage.database import Database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with the schema on each kind of server in turn."""
    async with Database(database_url) as opened:
        yield opened
