"""Who may ask: nobody without a key, unless the file allows it on loopback; and a port that is taken is told at once."""

import json
import socket

from acceptance.conftest import MakeProduct
from acceptance.product import command

MANUAL = """
    type: manual
    site: BER1
    meters:
      - {id: GM-01, medium: gas, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
    """


def test_without_a_key_nobody_is_answered_and_with_one_its_owner_is(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    product.config.write_text(product.config.read_text().replace("allow_anonymous: true", "allow_anonymous: false"))
    config = ("--config", str(product.config))
    made = command("keys", "create", "--name", "EMS", "--expires", "90d", *config)
    assert made.returncode == 0, made.stderr
    key = made.stdout.strip()
    product.start()
    product.wait_until_ready()
    assert product.ask("/api/v1/points")[0] == 401
    assert product.ask("/api/v1/points", key=key[:-1] + ("0" if key[-1] != "0" else "1"))[0] == 401
    status, points = product.ask("/api/v1/points", key=key)
    assert (status, points["items"][0]["key"]) == (200, "GM-01.volume")
    listed = json.loads(command("keys", "list", "--json", *config).stdout)
    assert [entry["name"] for entry in listed] == ["EMS"]
    assert key not in json.dumps(listed)
    assert command("keys", "revoke", listed[0]["id"], *config).returncode == 0
    assert product.stop() == 0
    assert key not in product.log


def test_wrong_scopes_and_sites_are_named(plain_url: str, make_product: MakeProduct) -> None:
    config = ("--config", str(make_product(plain_url, {"hand": MANUAL}).config))
    wrong_scope = command("keys", "create", "--name", "x", "--scopes", "raed", *config)
    assert (wrong_scope.returncode, "did you mean read" in wrong_scope.stderr) == (2, True)
    wrong_site = command("keys", "create", "--name", "x", "--sites", "BER2", *config)
    assert (wrong_site.returncode, "did you mean BER1" in wrong_site.stderr) == (2, True)


def test_a_port_that_is_taken_is_told_at_once_with_the_remedy(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", product.port))
        taken.listen()
        done = command("run", "--config", str(product.config))
    assert done.returncode == 1
    assert "another program has this port; set api.port to a free one" in done.stderr


def test_a_second_service_on_the_same_spool_is_refused(plain_url: str, make_product: MakeProduct) -> None:
    product = make_product(plain_url, {"hand": MANUAL})
    product.start()
    done = command("run", "--config", str(product.config), environment={"EMS_TELEMETRY__API__PORT": "0"})
    assert done.returncode == 1
    assert "uses the spool" in done.stderr
    assert product.stop() == 0
