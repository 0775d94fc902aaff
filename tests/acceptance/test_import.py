"""Readings taken by a person, from a CSV file, through the same spool and writer as all others."""

import json
from pathlib import Path

import httpx
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from acceptance.test_access import MANUAL
from servers.process import LOOPBACK

SHEET = """\
point,time,value,quality
GM-01.volume,2026-03-02T08:00:00+01:00,1000.5,
GM-01.volume,2026-03-02 09:00,1012.25,64
GM-01.volume,2026-03-02T08:10:00Z,1014,0
"""


def write(folder: Path, text: str) -> str:
    file = folder / "readings.csv"
    file.write_text(text)
    return str(file)


def test_a_sheet_is_stored_once_with_or_without_a_running_service(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    arguments = ("import", write(tmp_path, SHEET), "--config", str(product.config))
    first = command(*arguments)
    assert (first.returncode, first.stdout) == (0, "3 readings: 3 new, 0 known already\n"), first.stderr
    again = json.loads(command(*arguments, "--json").stdout)
    assert (again["inserted"], again["duplicates"], again["dead_letters"]) == (0, 3, 0)

    product.start()
    product.wait_until_ready()
    more = write(tmp_path, "point,time,value\nGM-01.volume,2026-03-03T08:00:00Z,1020\n")
    handed = command("import", more, "--config", str(product.config))
    assert "the running service" in handed.stdout
    product.wait_for(lambda: len(product.values("GM-01.volume")) == 4, "what was handed over")
    answered = product.get("/api/v1/points/GM-01.volume/readings")["items"]
    send_over_rest(product)
    assert product.stop() == 0

    manual = 128
    assert [(time.isoformat(), value, quality) for time, value, quality, *_ in product.values("GM-01.volume")] == [
        ("2026-03-02T07:00:00+00:00", 1000.5, 192),
        ("2026-03-02T08:00:00+00:00", 1012.25, 64),
        ("2026-03-02T08:10:00+00:00", None, 0),
        ("2026-03-03T08:00:00+00:00", 1020.0, 192),
        ("2026-03-04T08:00:00+00:00", 1030.0, 192),
    ]
    assert all(flags & manual for *_, flags, _ in product.values("GM-01.volume"))
    assert [item["value"] for item in answered] == [1000.5, 1012.25, None, 1020.0]


def send_over_rest(product: Product) -> None:
    """Sends a sheet with a mistake, then looks at a right one, then has it taken twice."""
    key = json.loads(
        command("keys", "create", "--name", "gas", "--scopes", "ingest", "--json", "--config", str(product.config)).stdout
    )["key"]
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "text/csv"}
    with httpx.Client(base_url=f"http://{LOOPBACK}:{product.port}", headers=headers, timeout=60) as client:

        def send(sheet: str, **asked: str) -> httpx.Response:
            return client.post("/api/v1/readings:import", content=sheet, params=asked)

        refused = send("point,time,value\nGM-01.volum,2026-03-04T08:00:00Z,1030\n")
        assert refused.status_code == 422
        assert "line 2" in refused.json()["detail"]
        assert "did you mean GM-01.volume?" in refused.json()["detail"]
        right = "point,time,value\nGM-01.volume,2026-03-04T08:00:00Z,1030\n"
        assert send(right, dry_run="true").json()["taken"] is False
        assert len(product.values("GM-01.volume")) == 4
        taken = [send(right) for _ in range(2)]
        assert [each.status_code for each in taken] == [200, 200], taken[0].text
        assert (taken[0].json()["readings"], taken[0].json()["taken"]) == (1, True)
    product.wait_for(lambda: len(product.values("GM-01.volume")) == 5, "what was sent")
    imported = "SELECT 1 FROM audit_events WHERE action = 'readings.imported' AND actor LIKE 'key:%'"
    product.wait_for(lambda: len(product.rows(imported)) == 2, "word of both in the audit trail")
    told = product.rows(
        "SELECT actor_name, detail ->> 'sha256' FROM audit_events WHERE action = 'readings.imported' AND actor LIKE 'key:%'"
    )
    assert [name for name, _ in told] == ["gas", "gas"]
    assert {digest for _, digest in told} == {taken[0].json()["sha256"]}


def test_nothing_of_a_sheet_with_mistakes_is_stored_and_each_is_named(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    wrong = SHEET + (
        "GM-01.volum,2026-03-02T08:20:00Z,1,\n"
        "GM-01.volume,yesterday,1,\n"
        "GM-01.volume,2026-03-02T08:30:00Z,lots,\n"
        "GM-01.volume,2026-03-02T08:40:00Z,,\n"
    )
    done = command("import", write(tmp_path, wrong), "--config", str(product.config))
    assert done.returncode == 2
    said = done.stderr.splitlines()
    assert [line.split(":")[1] for line in said] == ["5", "6", "7", "8"]
    assert "did you mean GM-01.volume?" in said[0]
    assert command("migrate", "--config", str(product.config)).returncode == 0
    assert product.values("GM-01.volume") == []


def test_a_database_that_is_away_leaves_the_sheet_in_the_spool(make_product: MakeProduct, tmp_path: Path) -> None:
    product = make_product("postgresql://nobody@127.0.0.1:1/nowhere", {"hand": MANUAL})
    done = command("import", write(tmp_path, SHEET), "--config", str(product.config))
    assert done.returncode == 0
    assert "safe in the spool; the database is away" in done.stdout
