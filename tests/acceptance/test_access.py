"""Who may ask: nobody without a key, unless the file allows it on loopback; and a port that is taken is told at once."""

import json
import socket
from datetime import UTC, datetime
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import command
from authority import Authority
from servers.oidc_issuer import AUDIENCE, OidcIssuer

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


def test_people_of_the_company_are_let_in_by_the_tokens_of_its_issuer_and_only_so_often(
    plain_url: str, make_product: MakeProduct, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "*")
    authority = Authority(tmp_path / "pki", "plant")
    with OidcIssuer(lambda: datetime.now(UTC), tls=authority.issue("login"), path="/realms/plant") as issuer:
        issuer.add_key("one", "ES256")
        product = make_product(plain_url, {"hand": MANUAL})
        api = (
            f"oidc: [{{issuer: '{issuer.url}', audience: {AUDIENCE}, ca_file: ../../pki/plant.pem, scopes_claim: groups, "
            "scope_map: {energy-team: [read, metrology]}, sites_claim: ems_sites}], "
            "rate_limit: 5/day, failed_login_limit: 3/day"
        )
        text = product.config.read_text()
        product.config.write_text(text.replace("allow_anonymous: true, rate_limit: off", api))
        product.start()
        product.wait_until_ready()
        token = issuer.token(groups=["energy-team"], ems_sites=["BER1"])
        status, points = product.ask("/api/v1/points", key=token)
        assert (status, points["items"][0]["key"]) == (200, "GM-01.volume")
        assert product.ask("/api/v1/meters?site=MUC1", key=token)[0] == 403
        assert product.post("/api/v1/reload", key=token)[1]["detail"].startswith('this needs a token with the scope "admin"')
        assert product.ask("/api/v1/points", key=issuer.token(groups=["energy-team"], ems_sites=[]))[0] == 403
        wrong = issuer.token(aud="grafana")
        assert "another audience" in product.ask("/api/v1/points", key=wrong)[1]["detail"]
        assert [product.ask("/api/v1/points", key=token)[0] for _ in range(3)] == [200, 200, 429]
        assert [product.ask("/api/v1/points", key=wrong)[0] for _ in range(3)] == [401, 401, 429]
        assert product.ask("/healthz")[0] == 200
        assert product.stop() == 0
    assert "HTTP Request" not in product.log
    for part in (*token.split("."), *wrong.split(".")):
        assert part not in product.log
