"""No letter without a way back: seen, shown, and read again once the file is mended, with a running service and without."""

import json
import urllib.request
from pathlib import Path
from typing import Any

from acceptance.conftest import MakeProduct
from acceptance.product import Product, command
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, serving

TOPIC = "plant/em01/telemetry"


def meter_file(endpoint: str, value: str) -> str:
    return f"""
        type: mqtt
        endpoint: {endpoint}
        site: BER1
        meters:
          - id: EM-01
            topic: {TOPIC}
            time: $.ts
            points:
              - {{id: energy, value: {value}, quantity: active_energy_import, unit: kWh, kind: counter}}
        """


def message(second: int) -> tuple[str, str]:
    return TOPIC, f'{{"ts": "2026-03-02T10:00:{second:02}Z", "kwh": {second}}}'


def asked(product: Product, *arguments: str) -> Any:  # noqa: ANN401 - JSON
    done = command("dead-letters", *arguments, "--json", "--config", str(product.config))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def post(product: Product, path: str, key: str) -> Any:  # noqa: ANN401 - JSON
    address = f"http://{LOOPBACK}:{product.port}{path}"
    request = urllib.request.Request(address, method="POST", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310 - this machine
        return json.load(answer)


def test_letters_are_seen_and_become_readings_when_the_file_is_mended(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(plain_url, {"broker": meter_file(broker.endpoint, "$.energy")})
    with serving(broker), publishing(broker.port) as publisher:
        product.start()
        product.wait_until_ready()
        product.wait_for(lambda: product.states()["broker"] == "up", "subscribed")
        publisher.send_all([message(second) for second in range(10)])
        product.wait_for(lambda: product.rows("SELECT count(*) FROM dead_letters") == [(10,)], "the dead letters")
        (kind,) = asked(product, "list", "--summary")
        assert (kind["reason"], kind["point"], kind["count"]) == ("value_missing", "EM-01.energy", 10)
        newest, *_ = asked(product, "list", "--reason", "value_missing", "--limit", "1")
        shown = command("dead-letters", "show", newest["id"], "--config", str(product.config))
        assert '"kwh": ' in shown.stdout
        in_vain = command("dead-letters", "retry", newest["id"], "--config", str(product.config))
        assert (in_vain.returncode, "nothing stands at $.energy" in in_vain.stdout) == (1, True)

        (product.folder / "connectors" / "broker.yaml").write_text(meter_file(broker.endpoint, "$.kwh"))
        assert product.stop() == 0
        product.start()
        product.wait_until_ready()
        made = command("keys", "create", "--name", "admin", "--scopes", "admin", "--config", str(product.config))
        answer = post(product, f"/api/v1/dead-letters/{newest['id']}/retry", made.stdout.strip())
        assert (answer["retried"], answer["note"]) == (True, "1 reading")
        handed = asked(product, "retry", "--point", "EM-01.energy", "--since", "1h")
        assert (handed["letters"], handed["readings"], handed["stored"]) == (9, 9, False)
        product.wait_for(lambda: len(product.values("EM-01.energy")) == 10, "all ten readings")
        assert product.stop() == 0
    assert [value for _, value, *_ in product.values("EM-01.energy")] == list(range(10))
    alone = asked(product, "retry", "--all", "--again")
    assert (alone["readings"], alone["stored"], alone["inserted"], alone["duplicates"]) == (10, True, 0, 10)
    assert asked(product, "list", "--summary") == []
