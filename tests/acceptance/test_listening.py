"""From a broker nobody knows to rows in the database: listen and write, check, run."""

import json
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import sleep

from acceptance.conftest import MakeProduct
from acceptance.product import COMMAND, Product, command
from servers.mosquitto import Mosquitto, Publisher, publishing
from servers.process import serving

FEEDERS = ("EM-01", "EM-02", "EM-03")


def say_all(publisher: Publisher, number: int) -> None:
    """What a small works publishes: feeders that are alike, a Tasmota, a Shelly, an ESPHome, a gateway, and Sparkplug B."""
    now = datetime.now(UTC)
    for feeder in FEEDERS:
        said = {"ts": now.isoformat(), "energy_kwh": 1000 + number, "power_kw": 12.5}
        publisher.send(f"plant/hall-1/{feeder}/telemetry", json.dumps(said))
    local = now.strftime("%Y-%m-%dT%H:%M:%S")
    publisher.send("tele/press/SENSOR", json.dumps({"Time": local, "ENERGY": {"Total": 0.9, "Power": 122}}))
    shelly = {
        "src": "s",
        "dst": "d",
        "method": "NotifyStatus",
        "params": {"ts": now.timestamp(), "em:0": {"total_act_power": 5}},
    }
    publisher.send("shelly-7/events/rpc", json.dumps(shelly))
    publisher.send("boiler/sensor/water_m3/state", str(7.5 + number))
    publisher.send("spBv1.0/Plant-1/NDATA/line-3", b"\x08\x01")


@contextmanager
def a_works(broker: Mosquitto) -> Iterator[None]:
    enough = threading.Event()
    with publishing(broker.port) as publisher:

        def publish() -> None:
            number = 0
            while not enough.wait(0.1):
                say_all(publisher, number)
                number += 1

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield
        finally:
            enough.set()
            thread.join()


def listen(product: Product, broker: Mosquitto, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command("mqtt", "listen", broker.endpoint, *arguments, "--config", str(product.config))


def test_an_unknown_broker_becomes_a_running_connector(tmp_path: Path, plain_url: str, make_product: MakeProduct) -> None:
    broker = Mosquitto(tmp_path / "broker", saves_often=False)
    product = make_product(plain_url, {})
    file = product.folder / "connectors" / "works.yaml"
    with serving(broker), a_works(broker):
        shown = listen(product, broker, "--seconds", "2")
        assert shown.returncode == 0, shown.stderr
        assert "plant/hall-1/EM-01/telemetry" in shown.stdout
        assert "active_energy_import in kWh" in shown.stdout
        assert "Sparkplug B: group Plant-1, edge node line-3" in shown.stdout

        written = listen(product, broker, "--seconds", "2", "--write", str(file), "--json")
        assert written.returncode == 0, written.stderr
        told = json.loads(written.stdout)
        assert (told["meters"], told["sparkplug"]) == (6, [{"group": "Plant-1", "edge_node": "line-3"}])
        text = file.read_text()
        assert 'topic: "plant/hall-1/{meter}/telemetry"' in text
        assert "payload: tasmota" in text
        again = listen(product, broker, "--seconds", "0.1", "--write", str(file))
        assert again.returncode == 1
        assert "would be overwritten" in again.stderr

        checked = command("check", "--json", "--config", str(product.config))
        assert checked.returncode == 0, checked.stderr
        points = {point["point"]: point for point in json.loads(checked.stdout)["points"]}
        assert {f"{feeder}.energy_kwh" for feeder in FEEDERS} < points.keys()
        assert points["press.total"]["quantity"] == "active_energy_import"

        product.start()
        product.wait_until_ready()
        wanted = {*(f"{feeder}.power_kw" for feeder in FEEDERS), "press.power", "shelly-7.total_act_power", "boiler.water_m3"}
        product.wait_for(lambda: wanted <= stored(product), f"rows of {sorted(wanted)}")
        assert product.stop() == 0
    assert {value for _, value, *_ in product.values("EM-02.power_kw")} == {12.5}


def test_ctrl_c_ends_the_listening_with_its_table(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", saves_often=False)
    with serving(broker), a_works(broker):
        arguments = [*COMMAND, "mqtt", "listen", broker.endpoint, "plant/#", "--json"]
        pipe = subprocess.PIPE
        with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path) as listening:  # noqa: S603 - ourselves
            assert listening.stderr is not None
            assert "Ctrl-C ends it" in listening.stderr.readline()
            sleep(1.5)
            listening.send_signal(signal.SIGINT)
            output, _ = listening.communicate(timeout=20)
    assert listening.returncode == 0
    heard = json.loads(output)
    assert [topic["topic"] for topic in heard["topics"]] == [f"plant/hall-1/{feeder}/telemetry" for feeder in FEEDERS]
    fields = {field["path"]: field for field in heard["topics"][0]["fields"]}
    assert fields["$.power_kw"]["value"] == 12.5


def test_a_password_is_never_written_and_never_an_argument(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", users={"ems": "secret of the plant"}, saves_often=False)
    told = ("mqtt", "listen", broker.endpoint, "--user", "ems", "--seconds", "1.5", "--write", "works.yaml", "--site", "BER1")
    with serving(broker), publishing(broker.port, ("ems", "secret of the plant")) as publisher:
        publisher.send("plant/EM-01", '{"power_kw": 1}', retain=True)
        without = command(*told, cwd=tmp_path)
        assert without.returncode == 2
        assert "MQTT_PASSWORD" in without.stderr
        done = command(*told, cwd=tmp_path, environment={"MQTT_PASSWORD": "secret of the plant"})
        assert done.returncode == 0, done.stderr
        wrong = command(*told, "--force", cwd=tmp_path, environment={"MQTT_PASSWORD": "wrong"})
        assert wrong.returncode == 1
        assert "check the name and password" in wrong.stderr
    text = (tmp_path / "works.yaml").read_text()
    assert "secret of the plant" not in text + done.stdout + done.stderr
    assert 'user: {name: ems, password: "${MQTT_PASSWORD}"}' in text


def test_what_was_not_heard_is_not_written(tmp_path: Path) -> None:
    broker = Mosquitto(tmp_path / "broker", saves_often=False)
    with serving(broker):
        silent = command("mqtt", "listen", broker.endpoint, "--seconds", "0.5", "--write", "works.yaml", cwd=tmp_path)
    assert silent.returncode == 1
    assert "nothing was heard" in silent.stderr
    assert not (tmp_path / "works.yaml").exists()
    wrong = command("mqtt", "listen", broker.endpoint, "plant/#/x", cwd=tmp_path)
    assert wrong.returncode == 2
    assert '"#" must stand alone at the end' in wrong.stderr


def stored(product: Product) -> set[str]:
    return {point for (point,) in product.rows("SELECT DISTINCT point FROM readings_by_point")}
