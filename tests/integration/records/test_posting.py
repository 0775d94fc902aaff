"""One delivery over a real connection: what is sent, and what a receiver cannot make the service do."""

import threading
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from authority import Authority
from servers.receiver import Receiver, running

from ems_telemetry.config.service import WebhookSettings
from ems_telemetry.records.sending import posting
from ems_telemetry.records.sending.posting import PostError, open_poster
from ems_telemetry.storage.outbox import DeliveryRow, Target

NOW = datetime(2026, 4, 13, 8, tzinfo=UTC)
SECRET = "whsec_" + 64 * "0"
DELIVERY = DeliveryRow(
    7, UUID(int=7), "ems", "record.amended", "BER1", 81, {"value": "75043", "scope": "Kühlung"}, NOW, "pending", 0, NOW, None,
    None, None,
)  # fmt: skip


async def post(url: str, **settings: object) -> int:
    async with open_poster(WebhookSettings.model_validate(settings)) as poster:
        return await poster.post(DELIVERY, Target(url, SECRET), 1776067200)


async def test_a_delivery_is_what_the_guide_says_to_the_byte() -> None:
    with running(Receiver()) as receiver:
        assert await post(receiver.url) == 204
    (request,) = receiver.received
    assert request.body.decode() == (
        '{"data":{"scope":"Kühlung","value":"75043"},"delivery":"00000000-0000-0000-0000-000000000007",'
        '"event":"record.amended","occurred_at":"2026-04-13T08:00:00Z","seq":81,"site":"BER1"}'
    )
    # HMAC-SHA256 of "1776067200." and the body: printf … | openssl dgst -sha256 -hmac whsec_000…
    assert request.headers["X-EMS-Signature"] == "v1=7b0f0b638fa7b57f0cb8d2ba6689e29db7520345a1f4e1a9480f9dee64067648"
    told = {name: request.headers[name] for name in ("X-EMS-Event", "X-EMS-Delivery", "X-EMS-Timestamp", "Content-Type")}
    assert list(told.values()) == ["record.amended", str(UUID(int=7)), "1776067200", "application/json"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://169.254.169.254/latest/meta-data", "its address 169.254.169.254 is link-local"),
        ("https://[fd00:ec2::254]/", "is link-local, or where a cloud tells"),
        ("https://0.0.0.0/", "is not the address of one machine"),
        ("http://10.255.255.1/", "is another machine, and the URL is not https"),
        ("https://no-such-host.invalid/", "its name is not found"),
    ],
)
async def test_what_must_not_be_reached_is_not_even_connected_to(url: str, words: str) -> None:
    with pytest.raises(PostError, match=words.replace(".", r"\.")):
        await post(url)


async def test_the_plant_network_is_let_alone_where_the_settings_say_so(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    with running(Receiver(), authority.issue("receiver")) as receiver:
        with pytest.raises(PostError, match=r"its address 127\.0\.0\.1 is not public"):
            await post(receiver.url, allow_private=False, ca_file=authority.certificate)
        assert receiver.received == []
        assert await post(receiver.url, ca_file=authority.certificate) == 204


async def test_a_certificate_counts_for_the_name_in_the_url_and_not_for_the_address_it_leads_to(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "authority")
    with running(Receiver(), authority.issue("receiver", "127.0.0.1")) as receiver:
        by_name = receiver.url.replace("127.0.0.1", "localhost")
        with pytest.raises(PostError, match="its certificate is not trusted"):
            await post(by_name, ca_file=authority.certificate)
    assert receiver.received == []


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    with running(Receiver(lambda _number: 307)) as receiver:
        assert await post(receiver.url) == 307
    assert len(receiver.received) == 1


async def test_a_receiver_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WITHIN_S", 1.0)
    released = threading.Event()

    def waits(_number: int) -> int:
        released.wait(60)
        return 200

    with running(Receiver(waits)) as receiver:
        with pytest.raises(PostError, match="no answer within 1 s"):
            await post(receiver.url)
        released.set()


async def test_no_proxy_of_the_environment_sees_a_delivery(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(Receiver()) as receiver, running(Receiver()) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        assert await post(receiver.url) == 204
    assert proxy.received == []
