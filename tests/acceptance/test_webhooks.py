"""The whole product tells a receiver of what happens, also after it was killed while the receiver refused."""

import json
from pathlib import Path

import httpx
import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import command
from acceptance.test_gaps import TOPIC, meter_file
from servers.mosquitto import Mosquitto, publishing
from servers.process import LOOPBACK, serving
from servers.receiver import Receiver, running


@pytest.mark.endurance
def test_a_gap_reaches_the_receiver_by_its_name_although_the_service_is_killed_meanwhile(
    timescaledb_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    broker = Mosquitto(tmp_path / "broker")
    product = make_product(timescaledb_url, {"broker": meter_file(broker.endpoint)})
    statuses = [500]
    with serving(broker), publishing(broker.port) as publisher, running(Receiver(lambda _number: statuses[-1])) as receiver:
        product.start()
        product.wait_until_ready()
        made = command("keys", "create", "--name", "ems", "--scopes", "admin", "--json", "--config", str(product.config))
        assert made.returncode == 0, made.stderr
        webhook = {
            "id": "ems", "site": "BER1", "reason": "the EMS asked for it",
            "body": {"url": f"http://localhost:{receiver.port}/hooks?plant=1", "events": ["gap.opened"]},
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {json.loads(made.stdout)['key']}"}
        with httpx.Client(base_url=f"http://{LOOPBACK}:{product.port}/api/v1", headers=headers) as client:
            stated = client.post("/webhooks", json=webhook)
            assert stated.status_code == 201, stated.text
            publisher.send(TOPIC, '{"kw": 42.5}')
            product.wait_for(lambda: bool(receiver.received), "a first attempt")
            product.wait_for(
                lambda: "the webhook ems does not take what is sent" in str(product.get("/api/v1/status")), "words"
            )
            product.kill()
            statuses.append(204)
            product.start()
            product.wait_until_ready()
            product.wait_for(
                lambda: [each["status"] for each in client.get("/outbox").json()["items"]][:1] == ["delivered"], "a delivery"
            )
    assert stated.json()["secret"] not in product.log
    first, *_ = receiver.received
    assert len([each for each in receiver.received if each.delivery == first.delivery]) >= 2
    assert (first.path, first.headers["Host"]) == ("/hooks?plant=1", f"localhost:{receiver.port}")
    assert json.loads(first.body)["data"]["gaps"][0]["point"] == "EM-01.power"
    metrics = product.text("/metrics")
    assert 'ems_telemetry_webhook_deliveries_total{outcome="delivered"} ' in metrics
