"""A meter is replaced: somebody says so on the command line, and what it counted is right from then on."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command

HAND = """
    type: manual
    site: BER1
    meters:
      - {id: EM-01, medium: electricity, points: [{id: energy, quantity: active_energy_import, unit: kWh, kind: counter}]}
    """
SHEET = "point,time,value\nEM-01.energy,2026-03-02T10:00:00Z,12340.0\nEM-01.energy,2026-03-02T10:15:00Z,9.7\n"
QUARTER = "/api/v1/points/EM-01.energy/intervals?from=2026-03-02T10:00:00Z&to=2026-03-02T10:15:00Z"


def done(product: Product, *arguments: str) -> str:
    finished = command(*arguments, "--config", str(product.config))
    assert finished.returncode == 0, finished.stderr
    return finished.stdout


def quarter(product: Product) -> dict[str, Any]:
    items = product.get(QUARTER)["items"]
    found: dict[str, Any] = items[0] if items else {"exact": None, "revision": 0, "flags": []}
    return found


def test_what_a_replaced_meter_counted_follows_what_people_declare(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(plain_url, {"hand": HAND})
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    product.start()
    product.wait_until_ready()
    done(product, "import", str(sheet))
    product.wait_for(lambda: quarter(product)["exact"] is not None, "the first computation")
    guessed = quarter(product)
    assert guessed["exact"] != "510"
    assert guessed["flags"], "a fall that nobody explained is told"

    old = ("--at", "2026-03-01T00:00:00Z", "--reason", "current transformers 100/5", "--register", "energy,multiplier=20")
    done(product, "meters", "events", "add", "EM-01", "--type", "ratio_change", *old)
    new = ("--at", "2026-03-02T10:08:00Z", "--reason", "calibration ended", "--author", "J. Doe")
    stands = ("--register", "EM-01.energy,final=12352.5,initial=3.2,multiplier=40")
    added = json.loads(done(product, "meters", "events", "add", "EM-01", "--type", "replacement", *new, *stands, "--json"))
    product.wait_for(lambda: quarter(product)["exact"] == "510", "the declared one")
    assert "replacement" in quarter(product)["flags"]
    assert quarter(product)["revision"] > guessed["revision"]

    done(product, "meters", "events", "void", added["id"], "--reason", "it was EM-02")
    product.wait_for(lambda: quarter(product)["exact"] != "510", "the event to be void")
    listed = json.loads(done(product, "meters", "events", "list", "EM-01", "--json"))
    assert [(event["type"], event["void_reason"]) for event in listed] == [
        ("replacement", "it was EM-02"),
        ("ratio_change", None),
    ]
    assert "it was EM-02" in done(product, "meters", "events", "list")


@pytest.mark.endurance
def test_intervals_are_computed_anew_when_asked(plain_url: str, make_product: MakeProduct, tmp_path: Path) -> None:
    product = make_product(plain_url, {"hand": HAND})
    sheet = tmp_path / "sheet.csv"
    sheet.write_text(SHEET)
    product.start()
    product.wait_until_ready()
    done(product, "import", str(sheet))
    product.wait_for(lambda: quarter(product)["exact"] is not None, "the first computation")
    right = quarter(product)
    with_fault = "UPDATE intervals SET exact = 1, value = 1 WHERE period = '15m' AND start = '2026-03-02T10:00:00Z' RETURNING 1"
    assert product.rows(with_fault) == [(1,)]
    day = ("--from", "2026-03-02T00:00:00Z", "--to", "2026-03-03T00:00:00Z")
    told = json.loads(done(product, "intervals", "recompute", "--meter", "EM-01", *day, "--json"))
    assert told["points"] == 1
    product.wait_for(lambda: quarter(product)["exact"] == right["exact"], "the right value")
    status = json.loads(done(product, "intervals", "status", "--json"))
    assert status["points"] == 1
    assert datetime.fromisoformat(status["behind"]) > datetime(2026, 3, 3, tzinfo=UTC)
    nothing = command("intervals", "recompute", "--point", "EM-99.energy", *day, "--config", str(product.config))
    assert (nothing.returncode, "no point of these" in nothing.stderr) == (1, True)


@pytest.mark.endurance
def test_mistakes_of_usage_are_told(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": HAND})
    product.start()
    product.wait_until_ready()
    at = ("--type", "reset", "--reason", "x", "--at", "2026-03-02T10:00:00Z")
    for arguments, words in (
        (("intervals", "recompute", "--from", "2026-03-02T10:00:00Z"), "say which"),
        (("intervals", "recompute", "--all", "--from", "2026-03-02"), "is not an RFC 3339 time"),
        (("meters", "events", "add", "EM-02", *at), "did you mean EM-01"),
        (("meters", "events", "add", "EM-01", *at, "--register", "enrgy"), "did you mean EM-01.energy"),
        (("meters", "events", "add", "EM-01", *at, "--register", "energy,last=3"), "is not one of final, initial, multiplier"),
        (("meters", "events", "add", "EM-01", *at[:-1], "2999-01-01T00:00:00Z"), "is in the future"),
    ):
        refused = command(*arguments, "--config", str(product.config))
        assert (refused.returncode, words in refused.stderr) == (2, True), refused.stderr
