"""Writing paused for the maintenance of the database: everything is kept, told everywhere, and written when it goes on."""

import json
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from acceptance.test_outages import message
from acceptance.test_status import MANUAL, status
from acceptance.three_protocols import mqtt_file
from servers.mosquitto import Mosquitto, publishing
from servers.process import serving

SHEET = "point,time,value\nGM-01.volume,2026-03-01T10:00:00Z,1\n"


def switch(product: Product, verb: str) -> str:
    done = command(verb, "--config", str(product.config))
    assert done.returncode == 0, done.stderr
    return done.stdout


def metric(product: Product, name: str) -> str:
    text = product.text("/metrics")
    return next(line.partition(" ")[2] for line in text.splitlines() if line.startswith(f"{name} "))


def check(product: Product, name: str) -> tuple[bool, str]:
    checks = product.ask("/readyz")[1]["checks"]
    return next((one["ok"], one["detail"]) for one in checks if one["name"] == name)


def test_while_writing_is_paused_everything_is_kept_and_told_also_over_a_restart(
    tmp_path: Path, plain_url: str, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(plain_url, {"broker": mqtt_file(broker.endpoint), "hand": MANUAL})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        publisher.send_all([message(number) for number in range(10)])
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 10, "the first")
        assert metric(product, "ems_telemetry_writer_paused") == "0.0"

        assert "writing is paused" in switch(product, "pause-writes")
        assert "already" in switch(product, "pause-writes")
        publisher.send_all([message(number) for number in range(10, 20)])
        product.wait_for(lambda: product.get("/api/v1/status")["spool"]["batches"] > 0, "kept in the spool")
        assert product.ask("/readyz")[0] == 503
        assert check(product, "database")[0]
        ok, detail = check(product, "writes")
        assert (ok, "writing is paused by " in detail, "not over yet" in detail) == (False, True, False)
        code, words = status(product)
        assert (code, "✕ writing is paused by " in words, "the database is away" in words) == (1, True, False)
        assert "◆ writer paused by " in words
        assert metric(product, "ems_telemetry_writer_paused") == "1.0"

        assert product.stop() == 0
        assert "the next start writes nothing" in status(product)[1]
        sheet = tmp_path / "sheet.csv"
        sheet.write_text(SHEET)
        imported = command("import", str(sheet), "--config", str(product.config))
        assert (imported.returncode, "writing is paused" in imported.stdout) == (0, True)
        product.start()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed again")
        publisher.send_all([message(number) for number in range(20, 30)])
        product.wait_for(lambda: product.get("/api/v1/status")["spool"]["batches"] > 1, "kept in the spool")
        assert len(product.values("EM-01.energy")) == 10

        assert "writing goes on" in switch(product, "resume-writes")
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 30, "everything")
        product.wait_for(lambda: len(product.values("GM-01.volume")) == 1, "the sheet")
        product.wait_until_ready()
        assert "not paused" in switch(product, "resume-writes")
        assert metric(product, "ems_telemetry_writer_paused") == "0.0"
        assert product.stop() == 0
    assert product.log.count("writes_resumed") == 1


@pytest.mark.endurance
def test_without_a_service_the_next_one_holds_to_it(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    assert "no service runs" in switch(product, "pause-writes")
    assert "no service runs" in switch(product, "resume-writes")
    product.start()
    product.wait_until_ready()
    assert product.stop() == 0


def test_a_key_for_administrators_pauses_and_resumes_and_the_log_names_it(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    product.start()
    product.wait_until_ready()
    keys = ("--config", str(product.config))
    made = command("keys", "create", "--name", "night shift", "--scopes", "admin", "--json", *keys)
    key = json.loads(made.stdout)["key"]
    assert product.post("/api/v1/writes/pause")[0] == 403
    code, answer = product.post("/api/v1/writes/pause", key=key)
    assert (code, answer["at_rest"], answer["paused"]["by"]) == (200, True, "key night shift")
    assert "paused by key night shift" in status(product)[1]
    code, answer = product.post("/api/v1/writes/resume", key=key)
    assert (code, answer["paused"]) == (200, None)
    product.wait_until_ready()
    assert product.stop() == 0
    for event in ("writes_paused", "writes_resumed"):
        assert any("key night shift" in line for line in product.log.splitlines() if event in line)
