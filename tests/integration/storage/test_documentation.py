import re
from pathlib import Path

import pytest
from psycopg import sql
from small_plant import batch, prepare, reading, write

from ems_telemetry.storage.database import Database
from ems_telemetry.storage.provision import PUBLIC_NAMES, READER

PAGE = (Path(__file__).parents[3] / "docs" / "database.md").read_text(encoding="utf-8")


def queries() -> list[str]:
    """Each statement of the page that reads, with Grafana's macro filled in."""
    statements = [one for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for one in block.split(";\n")]
    span = r"\1 BETWEEN '2026-01-01' AND '2027-01-01'"
    filled = [re.sub(r"\$__timeFilter\((\w+)\)", span, one) for one in statements]
    return [one for one in filled if "SELECT" in one]


@pytest.mark.parametrize("name", sorted(set(PUBLIC_NAMES)))
def test_every_public_name_is_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE


@pytest.mark.parametrize("table", ["readings", "intervals"])
async def test_every_column_is_on_the_page(database: Database, table: str) -> None:
    await prepare(database)
    async with database.connection() as connection:
        cursor = await connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table)))
        columns = [column.name for column in cursor.description or ()]
    assert [name for name in columns if not re.search(rf"^\| .*`{name}`.* \|", PAGE, re.MULTILINE)] == []


async def test_the_queries_of_the_page_run_as_grafana(database: Database) -> None:
    await write(database, batch(reading()))
    assert len(queries()) == 12
    async with database.connection() as connection:
        await connection.execute(f"SET LOCAL ROLE {READER}".encode())
        for query in queries():
            await connection.execute(query.encode())
