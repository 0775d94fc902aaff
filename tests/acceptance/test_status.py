"""`ems-telemetry status` while each part is away in turn: what it says, and how it ends."""

import asyncio
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from acceptance.three_protocols import modbus_file, mqtt_file, opcua_file
from servers.modbus import program
from servers.mosquitto import Mosquitto
from servers.process import ServerProcess, free_port, serving
from timescaledb import Server

from ems_telemetry.config.service import WhenFull
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, Batch, DeadLetter
from ems_telemetry.spool.sqlite import SqliteSpool

MANUAL = """
type: manual
site: BER1
meters:
  - {id: GM-01, medium: gas, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
"""


def status(product: Product, *arguments: str, **environment: str) -> tuple[int, str]:
    """Gives the exit code and the words, wherever the lines break."""
    done = command("status", *arguments, "--config", str(product.config), environment=environment)
    lines = [line for line in done.stdout.splitlines() if str(product.folder) not in line]  # a path is not broken
    assert "--json" in arguments or max((len(line) for line in lines), default=0) <= 80
    return done.returncode, " ".join((done.stdout + done.stderr).split())


def test_each_outage_is_told_and_forgotten_when_it_is_over(
    tmp_path: Path, killable_database: Server, make_product: MakeProduct
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    absent = opcua_file(f"opc.tcp://127.0.0.1:{free_port()}")
    product = make_product(killable_database.dsn, {"broker": mqtt_file(broker.endpoint), "plc": absent})
    with serving(broker):
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states() == {"broker": "up", "plc": "down"}, "one up, one down")
        product.wait_for(lambda: product.get("/api/v1/status")["database"]["postgresql"] is not None, "looked at")
        code, words = status(product)
        assert (code, "1 thing is wrong" in words) == (1, True)
        assert "✕ plc is down for" in words
        assert "nobody listens there" in words
        assert "TimescaleDB 2." in words
        assert "✓ gaps none open ✓ intervals up to date" in words
        assert "✓ files revision 1" in words

        broker.kill()
        killable_database.kill()
        product.wait_for(lambda: len(product.get("/api/v1/status")["troubles"]) == 3, "both told")
        code, words = status(product)
        assert (code, "3 things are wrong" in words) == (1, True)
        assert "✕ the database is away: the database at" in words
        assert "readings wait in the spool" in words
        assert "✕ broker is down for" in words
        assert "■ gaps not known while the database is away" in words

        killable_database.start()
        broker.start()
        product.wait_for(lambda: len(product.get("/api/v1/status")["troubles"]) == 1, "both are back")
        product.kill()
    code, words = status(product)
    assert (code, "the service does not answer at http://127.0.0.1" in words) == (2, True)
    assert "the service does not run" in words
    assert "✓ database" in words


def fill(folder: Path, share: float) -> None:
    """Puts dead letters into a spool of 64 MiB until it is that full."""

    async def filling() -> None:
        spool = SqliteSpool(folder, max_size_bytes=2**26, when_full=WhenFull.REFUSE)
        await spool.open()
        payload = bytes(DEAD_LETTER_PAYLOAD_BYTES)
        now = datetime.now(UTC)
        while spool.state().size_bytes < share * 2**26:
            letters = [DeadLetter(uuid4(), "hand", None, "unreadable", "no JSON", "plant", payload, now) for _ in range(64)]
            await spool.append(Batch("hand", dead_letters=letters))
        await spool.close()

    asyncio.run(filling())


def test_a_spool_that_fills_is_told_and_a_key_that_cannot_be_checked_keeps_nobody_from_seeing_it(
    make_product: MakeProduct,
) -> None:
    settings = "spool: {directory: ../var/spool, max_size: 64MiB}\n"
    product = make_product(f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere", {"hand": MANUAL}, settings)
    text = product.config.read_text().replace("spool: {directory: ../var/spool}\n", "", 1)
    product.config.write_text(text)
    fill(product.folder / "var/spool", 0.83)
    code, words = status(product)
    assert (code, "batches wait, 53" in words, "✕ database the database at" in words) == (2, True, True)
    product.start()
    product.wait_for(lambda: product.ask("/readyz")[0] == 503, "told")
    code, words = status(product, "--json")
    assert code == 1
    told = json.loads(words)
    assert [trouble[:26] for trouble in told["troubles"]] == ["the database is away: the ", "the spool is 83% full"]
    assert "✕ the spool is 83% full" in status(product)[1]
    assert product.stop() == 0

    # With keys wanted and the database away, what needs no key is told all the same.
    product.config.write_text(product.config.read_text().replace("allow_anonymous: true", "allow_anonymous: false"))
    product.start()
    code, words = status(product)
    assert (code, "set EMS_TELEMETRY_API_KEY" in words) == (2, True)
    code, words = status(product, EMS_TELEMETRY_API_KEY=f"ems_{'0' * 12}_{'0' * 64}")
    assert (code, "runs, and can't check the key" in words, "✕ database" in words) == (1, True, True)


@pytest.mark.endurance
def test_a_modbus_device_that_goes_is_told_with_its_reason_and_forgotten_when_it_is_back(
    tmp_path: Path, plain_url: str, make_product: MakeProduct
) -> None:
    port = free_port()
    device = ServerProcess(program(port), port, tmp_path / "modbus.log")
    product = make_product(plain_url, {"gateway": modbus_file(port)})
    with serving(device):
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states() == {"gateway": "up"}, "the device answers")
        assert "✓ gateway" in status(product)[1]
        device.kill()
        product.wait_for(lambda: product.states() == {"gateway": "down"}, "the outage of the device")
        code, words = status(product)
        assert (code, "✕ gateway is down for" in words, "nobody listens there" in words) == (1, True, True), words
        device.start()
        product.wait_for(lambda: status(product)[0] == 0, "all is well again")
        assert product.stop() == 0


def test_wrong_files_are_told_with_their_place_until_they_are_right(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    product.start()
    product.wait_until_ready()
    file = product.folder / "connectors/hand.yaml"
    file.write_text(MANUAL.replace("Nm3", "Nm33"))
    assert command("reload", "--config", str(product.config)).returncode == 1
    done = command("status", "--config", str(product.config))
    told = "".join(done.stdout.split())  # a path may be broken where the line ends
    assert (done.returncode, "✕thefileswerechangedandarenottakenover:" in told) == (1, True)
    assert 'hand.yaml:5:pointGM-01.volume:unit"Nm33"isnotaunit;didyoumeanNm3?' in told, told
    assert "areloadwasrefused" in told
    file.write_text(MANUAL)
    assert command("reload", "--config", str(product.config)).returncode == 0
    product.wait_for(lambda: status(product)[0] == 0, "all is well again")
    assert product.stop() == 0


@pytest.mark.endurance
def test_a_disk_that_runs_low_is_told_in_words(plain_url: str, make_product: MakeProduct) -> None:
    """The spool lies on a small disk of its own, in a name space that ends with the service."""
    product = make_product(plain_url, {"hand": MANUAL})
    spool = product.folder / "var/spool"
    spool.mkdir(parents=True)
    as_root = "" if os.geteuid() == 0 else "--map-root-user"
    mounted = f'mount -t tmpfs -o size=100M tmpfs {spool} && exec "$@"'
    product.process.command = ["unshare", *as_root.split(), "--mount", "sh", "-c", mounted, "sh", *product.process.command]
    product.start()
    product.wait_until_ready()
    product.wait_for(lambda: product.get("/api/v1/status")["spool"]["disk"] is not None, "the disk is looked at")
    code, words = status(product)
    assert (code, "1 thing is wrong" in words, "✕ the spool's disk has " in words) == (1, True, True), words
    assert " MiB left" in words
    assert product.stop() == 0
