"""Lists as Parquet: what a data scientist reads back is what JSON says."""

import io
from datetime import UTC, datetime
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from .conftest import START, Plant
from .test_description import put_all_kinds

MEDIA_TYPE = "application/vnd.apache.parquet"


def read(answer: httpx.Response) -> Any:  # noqa: ANN401 - pyarrow has no types
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    return pq.read_table(io.BytesIO(answer.content))


def as_json(value: object) -> object:
    return value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value


@pytest.mark.parametrize(
    "path",
    [
        "points/EM-01.energy_import/intervals",
        "points/EM-01.energy_import/intervals?period=1mo",
        "points/EM-01.power/readings",
        "points",
        "sites",
        "consumption",
        "completeness",
        "readings/latest",
        "meters/EM-01/balance",
    ],
)
async def test_parquet_holds_the_same_as_json(plant: Plant, api: httpx.AsyncClient, path: str) -> None:
    await plant.store("EM-01.power", 1.5)
    await plant.store("EM-01.power", None, at_s=1)
    await put_all_kinds(plant)
    expected = (await api.get(f"/api/v1/{path}")).json()["items"]
    table = read(await api.get(f"/api/v1/{path}", headers={"Accept": MEDIA_TYPE}))
    rows = [{name: as_json(value) for name, value in row.items()} for row in table.to_pylist()]
    assert rows == expected
    assert len(rows) > 0


async def test_columns_have_the_types_of_their_fields_also_where_all_is_null(plant: Plant, api: httpx.AsyncClient) -> None:
    await plant.put_quarters("EM-01.power", START, [None])
    plant.clock.turn(900)
    table = read(await api.get("/api/v1/points/EM-01.power/intervals?format=parquet"))
    types = {field.name: field.type for field in table.schema}
    assert types["start"] == pa.timestamp("us", "UTC")
    assert (types["value"], types["exact"], types["samples"]) == (pa.float64(), pa.string(), pa.int64())
    assert types["flags"] == pa.list_(pa.string())
    assert table.to_pylist()[0]["start"] == datetime(2026, 3, 2, 10, tzinfo=UTC)
    empty = read(await api.get("/api/v1/points/EM-90.energy_import/intervals?format=parquet"))
    assert (empty.num_rows, empty.schema) == (0, table.schema)


async def test_pages_of_parquet_name_the_next_one(plant: Plant, api: httpx.AsyncClient) -> None:
    plant.clock.turn(3600)
    await plant.put_quarters("EM-01.power", START, ["1", "2", "3"])
    first = await api.get("/api/v1/points/EM-01.power/intervals?format=parquet&limit=2")
    second = await api.get(first.links["next"]["url"])
    assert read(first)["value"].to_pylist() + read(second)["value"].to_pylist() == [1.0, 2.0, 3.0, None]
