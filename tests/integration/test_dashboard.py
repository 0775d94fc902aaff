"""Every query of the Grafana dashboard, run as the role Grafana reads with, on each kind of database."""

import asyncio
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias
from uuid import uuid4

import psycopg
import pytest

from ems_telemetry.storage.capability import detect, prepare_for
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.migrations import migrate

ROOT = Path(__file__).parents[2]
DASHBOARD = json.loads((ROOT / "deploy/grafana/dashboards/plant.json").read_text())
PANELS = {panel["title"]: panel for panel in DASHBOARD["panels"] if panel["type"] != "row"}
PUBLIC = "sites, meters, points, readings, latest_readings, flags, gaps, dead_letters, readings_by_point, latest_by_point"
Connection: TypeAlias = psycopg.Connection[Any]

NOW = datetime.now(UTC)
TOP_OF_HOUR = NOW.replace(minute=0, second=0, microsecond=0)
SINCE = NOW - timedelta(hours=6)
POINTS = (  # meter, point, quantity, unit, kind, connector
    ("EM-01", "active_power", "active_power", "kW", "gauge", "hall-1"),
    ("EM-01", "energy_import", "active_energy_import", "kWh", "counter", "hall-1"),
    ("WM-07", "volume", "water_volume", "m3", "counter", "hall-1"),
    ("GM-01", "volume", "gas_volume", "Nm3", "counter", "hall-1"),
    ("CA-01", "volume", "compressed_air_volume", "Nm3", "counter", "compressor"),
    ("ST-01", "nox", "nox_concentration", "mg/Nm3", "gauge", "stack"),
)
SILENT = ("WM-09", "volume", "water_volume", "m3", "counter", "hall-1")


def create_schema(database_url: str) -> None:
    """Brings an empty database to the schema, as the service does."""

    async def migrating() -> None:
        async with Database(database_url) as database:
            await migrate(database)
            async with database.connection() as connection:
                await prepare_for(connection, await detect(connection), [SINCE, NOW])

    asyncio.run(migrating())


@pytest.fixture
def plant(database_url: str) -> Iterator[Connection]:
    """A migrated database with half a working day of a small plant, open as its owner."""
    create_schema(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("INSERT INTO sites (id, name, timezone) VALUES ('BER1', 'Berlin works', 'Europe/Berlin')")
        for number, point in enumerate((*POINTS, SILENT)):
            _add_point(connection, point)
            if point is not SILENT:
                _add_readings(connection, f"{point[0]}.{point[1]}", number)
        _add_troubles(connection)
        _add_record(connection)
        yield connection


@pytest.fixture
def reader(plant: Connection) -> Connection:
    """The same database, seen as Grafana sees it."""
    plant.execute("SET ROLE grafana_reader")
    return plant


def _add_point(connection: Connection, row: tuple[str, ...]) -> None:
    meter, name, quantity, unit, kind, connector = row
    connection.execute(
        "INSERT INTO meters (id, site_id, name, connector) VALUES (%s, 'BER1', %s, %s) ON CONFLICT DO NOTHING",
        (meter, f"Meter {meter}", connector),
    )
    connection.execute(
        "INSERT INTO points (key, meter_id, name, quantity, unit, kind, source, source_unit, expected_interval) "
        "VALUES (%s, %s, %s, %s, %s, %s, 'holding 40', %s, '1 hour')",
        (f"{meter}.{name}", meter, name, quantity, unit, kind, unit),
    )


def _add_readings(connection: Connection, key: str, number: int) -> None:
    """Every ten minutes one more than before; the first of each hour but the newest is bad."""
    point_id = _ask(connection, "SELECT id FROM points WHERE key = %s", (key,))[0][0]
    for step in range(36):
        time = NOW - timedelta(minutes=10 * step)
        bad = step > 0 and time.minute < 10
        row = (time, point_id, 1 if bad else 0, None if bad else 1000.0 * number - step, time, 0 if bad else 192)
        connection.execute(
            "INSERT INTO readings (time, point_id, flags, value, received_at, quality) VALUES (%s, %s, %s, %s, %s, %s)", row
        )
    connection.execute(
        "INSERT INTO latest_readings (time, point_id, flags, value, received_at, quality, source_status) "
        "SELECT time, point_id, flags, value, received_at, quality, source_status FROM readings "
        "WHERE point_id = %s ORDER BY time DESC LIMIT 1",
        (point_id,),
    )


def _add_troubles(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO dead_letters (id, connector, reason, detail, source, payload, received_at) "
        "VALUES (%s, 'water-broker', 'not_json', 'the payload is not JSON', 'plant/wm02', 'x', %s)",
        (uuid4(), NOW - timedelta(minutes=5)),
    )
    connection.execute(
        "INSERT INTO gaps (id, connector, started_at, ended_at, cause, refused) "
        "VALUES (%s, 'hall-1', %s, %s, 'spool_full', 12)",
        (uuid4(), NOW - timedelta(hours=2), NOW - timedelta(hours=1)),
    )


def _add_record(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO records (id, revision, seq, type, status, site_id, scope, plan, period, period_start, period_end, value, "
        "unit, quality, coverage, flags, method, retention_class, computed_at, snapshot, envelope, hash) "
        "VALUES (%s, 1, 1, 'energy', 'final', 'BER1', 'BER1', 'energy', '1d', %s, %s, 12.5, 'kWh', 'good', 100, '{}', "
        "'energy@1', 'ems_record', %s, '', '{\"details\": {\"renewable_kwh\": \"2.5\", \"raw\": {}}}', '')",
        (uuid4(), SINCE, TOP_OF_HOUR, NOW),
    )


def expand(statement: str, *, sites: str = "'BER1'", interval: str = "1m") -> str:
    """Writes a query as Grafana sends it: its macros and variables filled in."""
    since, until = (f"'{time.isoformat().replace('+00:00', 'Z')}'" for time in (SINCE, NOW + timedelta(minutes=1)))
    statement = re.sub(r"\$__timeFilter\((\w+)\)", rf"\1 BETWEEN {since} AND {until}", statement)
    for macro, value in (("$__timeFrom()", since), ("$__timeTo()", until), ("$__interval", interval), ("$site", sites)):
        statement = statement.replace(macro, value)
    assert "$" not in statement, f"a macro that this test does not know: {statement}"
    return statement


def _ask(connection: Connection, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    return connection.execute(statement.encode(), values or None).fetchall()


def _show(connection: Connection, title: str, **chosen: str) -> list[dict[str, Any]]:
    with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
        return cursor.execute(expand(PANELS[title]["targets"][0]["rawSql"], **chosen).encode()).fetchall()


def test_every_panel_shows_something_to_the_reader(reader: Connection) -> None:
    empty = [title for title in PANELS if not _show(reader, title)]
    assert empty == []


@pytest.mark.parametrize("interval", ["1s", "30s", "1m", "2h", "1d"])
def test_every_panel_works_at_every_zoom(reader: Connection, interval: str) -> None:
    for title in PANELS:
        _show(reader, title, interval=interval, sites="SELECT id FROM sites")


def test_time_series_are_what_grafana_draws(reader: Connection) -> None:
    for title, panel in PANELS.items():
        if panel["targets"][0]["format"] == "time_series":
            rows = _show(reader, title)
            assert all(row["time"].tzinfo is not None for row in rows), title
            assert [row["time"] for row in rows] == sorted(row["time"] for row in rows), title
            assert {"metric", "value"} <= rows[0].keys() or "metric" not in rows[0], title


def test_an_hour_of_a_counter_is_the_difference_of_its_registers(reader: Connection) -> None:
    rows = _show(reader, "Electricity per hour")
    full = [row["value"] for row in rows if SINCE + timedelta(hours=1) < row["time"] < TOP_OF_HOUR]
    assert full == [6.0] * len(full)
    assert len(full) >= 4


def test_a_register_that_goes_backwards_leaves_a_hole_instead_of_a_negative_bar(plant: Connection) -> None:
    swapped = TOP_OF_HOUR - timedelta(hours=2)
    plant.execute("SET session_replication_role = replica")
    plant.execute("UPDATE readings SET value = value - 900 WHERE time >= %s", (swapped,))
    rows = _show(plant, "Water per hour")
    assert [row["value"] for row in rows if row["time"] == swapped] == [None]
    assert all(row["value"] is None or row["value"] >= 0 for row in rows)


def test_an_hour_after_a_silence_does_not_get_the_whole_silence(plant: Connection) -> None:
    silence = TOP_OF_HOUR - timedelta(hours=3)
    plant.execute("SET session_replication_role = replica")
    plant.execute("DELETE FROM readings WHERE time >= %s AND time < %s", (silence, silence + timedelta(hours=1)))
    rows = {row["time"]: row["value"] for row in _show(plant, "Gas per hour, normal state")}
    assert silence not in rows
    assert rows[silence + timedelta(hours=1)] is None


def test_a_record_is_shown_with_its_numbers(reader: Connection) -> None:
    (row,) = _show(reader, "Newest records")
    assert (row["type"], row["value"], row["quality"]) == ("energy", 12.5, "good")
    assert _ask(reader, "SELECT renewable_kwh, raw, validated FROM records_by_scope") == [(2.5, None, None)]


def test_missing_values_are_spelled_out_and_not_zero(plant: Connection) -> None:
    plant.execute("UPDATE latest_readings SET value = NULL, quality = 0, flags = 3")
    for row in _show(plant, "Latest values"):
        assert (row["value"], row["quality"], row["flags"]) == (None, "bad", "bad_status, invalid_value")


def test_a_point_that_never_spoke_is_silent(reader: Connection) -> None:
    assert [(row["point"], row["last_reading"]) for row in _show(reader, "Silent points")] == [("WM-09.volume", None)]
    assert float(_show(reader, "Points reporting")[0]["share"]) == pytest.approx(6 / 7)


def test_the_reader_writes_nothing_and_sees_no_keys(reader: Connection) -> None:
    for statement in ("DELETE FROM readings", "UPDATE sites SET name = ''", "SELECT * FROM api_keys", "CREATE TABLE mine ()"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            reader.execute(statement.encode())


def test_queries_hold_to_plain_sql() -> None:
    for title, panel in PANELS.items():
        statement = panel["targets"][0]["rawSql"]
        assert not re.search(r"time_bucket|\$__timeGroup|\bfirst\(|\blast\(", statement), title


def test_panels_stand_beside_each_other_and_say_what_they_show() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        position = panel["gridPos"]
        for x in range(position["x"], position["x"] + position["w"]):
            for y in range(position["y"], position["y"] + position["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]
    assert max(x for x, _ in taken) == 23
    assert all(panel["description"] for panel in PANELS.values())
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_the_choice_of_sites_can_be_read(reader: Connection) -> None:
    [variable] = DASHBOARD["templating"]["list"]
    assert _ask(reader, variable["query"]) == [("BER1", "Berlin works")]
