"""Exports over REST and by the command line, of records that the keeper made."""

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from record_api import Clients, open_clients
from record_plant import APRIL, ENERGY, MARCH, SUB, Plant, make_plant
from typer.testing import CliRunner

from ems_telemetry.cli.main import make_app
from ems_telemetry.storage.database import Database

API = "/api/v1"
SPAN = {"site": "BER1", "from": "2026-03-01T00:00:00+01:00", "to": "2026-04-01T00:00:00+02:00"}
ACCOUNT = {
    "organization_link": 17000123, "organization": "Example Group", "location_ref": "BER1", "account_style_link": 14445,
    "account_style_caption": "Electricity - kWh", "account_number": "BER1-EM-01",
}  # fmt: skip
HAND = """\
type: manual
site: BER1
meters:
  - id: EM-01
    medium: electricity
    points: [{id: energy_import, quantity: active_energy_import, unit: kWh, kind: counter}]
"""


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    async with Database(timescaledb_url) as database:
        plant = await make_plant(database)
        await plant.expect_nothing()
        yield plant


@pytest.fixture
async def clients(plant: Plant) -> AsyncIterator[Clients]:
    async with open_clients(plant) as opened:
        yield opened


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def map_account(clients: Clients, number: str = "BER1-EM-01", **changes: Any) -> dict[str, Any]:  # noqa: ANN401  # JSON
    body = {"scope": ENERGY, "unit": "kWh", "envizi": {**ACCOUNT, "account_number": number}}
    asked = {"id": "energy", "site": "BER1", "reason": "the EMS calls it so", "body": body, **changes}
    answer = await clients.alice.post(f"{API}/export-mappings", json=asked)
    assert answer.status_code == 201, answer.text
    stated: dict[str, Any] = answer.json()
    return stated


async def test_a_month_is_exported_as_it_stands_and_as_it_was_known(plant: Plant, clients: Clients) -> None:
    before = plant.clock.now()
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    await plant.measure(SUB, MARCH, APRIL, "100", hole=(MARCH, MARCH + timedelta(days=1)))
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    answer = await clients.alice.get(f"{API}/exports/envizi", params=SPAN)
    assert (rows_of(answer.text), answer.headers["X-EMS-Omitted"]) == ([], "2; no_value=1, unmapped=1")
    await map_account(clients)
    seen = plant.clock.now()
    plant.clock.turn(3600)
    await plant.measure(ENERGY, MARCH, APRIL, "75043")
    await plant.catch_up()
    answer = await clients.alice.get(f"{API}/exports/envizi", params=SPAN)
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["X-EMS-Omitted"] == "1; no_value=1"
    (row,) = rows_of(answer.text)
    assert (row["Account Number"], row["Quantity"], row["Record Data Quality"]) == ("BER1-EM-01", "75043", "Actual")
    assert (row["Record Start YYYY-MM-DD"], row["Record End YYYY-MM-DD"]) == ("2026-03-01", "2026-03-31")
    assert row["Record Reference"].endswith("/2")
    other = await clients.alice.get(f"{API}/exports/envizi", params={**SPAN, "account_style": 1})
    assert other.headers["X-EMS-Omitted"] == "2; no_value=1, other_style=1"
    (then,) = rows_of((await clients.alice.get(f"{API}/exports/envizi", params={**SPAN, "as_of": seen.isoformat()})).text)
    assert (then["Quantity"], then["Record Reference"]) == ("74300", row["Record Reference"].replace("/2", "/1"))
    nothing = await clients.alice.get(f"{API}/exports/csv", params={**SPAN, "as_of": before.isoformat()})
    assert rows_of(nothing.text) == []


async def test_files_of_adjacent_spans_hold_each_record_once_and_a_mapping_counts_from_its_day(
    plant: Plant, clients: Clients
) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    middle = "2026-03-15T00:00:00Z"
    first = await clients.alice.get(f"{API}/exports/csv", params={**SPAN, "to": middle})
    second = await clients.alice.get(f"{API}/exports/csv", params={**SPAN, "from": middle})
    assert (len(rows_of(first.text)), len(rows_of(second.text))) == (1, 0)
    await map_account(clients, valid_from="2026-03-02T00:00:00Z")
    later = await clients.alice.get(f"{API}/exports/envizi", params=SPAN)
    assert later.headers["X-EMS-Omitted"] == "1; unmapped=1"


async def test_an_export_is_for_who_may_see_the_site_and_says_what_is_wrong(clients: Clients) -> None:
    assert (await clients.munich.get(f"{API}/exports/csv", params=SPAN)).status_code == 403
    assert (await clients.alice.get(f"{API}/exports/sap", params=SPAN)).status_code == 422
    backwards = {**SPAN, "from": SPAN["to"], "to": SPAN["from"]}
    refused = await clients.alice.get(f"{API}/exports/csv", params=backwards)
    assert refused.status_code == 422
    assert "nothing lies between" in refused.json()["detail"]
    assert (await clients.alice.get(f"{API}/exports/csv", params={"site": "BER1"})).status_code == 422
    assert (await clients.alice.get(f"{API}/exports/msm", params={**SPAN, "account_style": 1})).status_code == 422


async def test_the_command_writes_what_rest_answers(
    plant: Plant, clients: Clients, timescaledb_url: str, tmp_path: Path
) -> None:
    await plant.measure(ENERGY, MARCH, APRIL, "74300")
    plant.go_to(APRIL + timedelta(days=12))
    await plant.catch_up()
    await map_account(clients)
    config, out = tmp_path / "ems-telemetry.yaml", tmp_path / "march.csv"
    config.write_text(f'database: {{url: "{timescaledb_url}"}}\nconnectors: connectors/*.yaml\n')
    (tmp_path / "plant.yaml").write_text("sites:\n  - {id: BER1, name: Berlin works, timezone: Europe/Berlin}\n")
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "hand.yaml").write_text(HAND)
    span = ["--site", "BER1", "--from", SPAN["from"], "--to", SPAN["to"], "--out", str(out), "--config", str(config)]

    def run(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(make_app(), ["export", *arguments])
        return result.exit_code, result.output or repr(result.exception)

    code, told = await asyncio.to_thread(run, "--profile", "envizi", *span)
    assert (code, told) == (0, f"1 records written to {out}; left out: 0\n")
    answer = await clients.alice.get(f"{API}/exports/envizi", params=SPAN)
    assert out.read_bytes() == answer.content
    code, told = await asyncio.to_thread(run, "--profile", "msm", *span)
    assert code == 1
    assert "left out: 1; unmapped=1" in told
    code, told = await asyncio.to_thread(run, "--profile", "msm", *span, "--as-of", "yesterday")
    assert code == 2
    assert "RFC 3339" in told
