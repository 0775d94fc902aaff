"""Which addresses a webhook may reach, and which URLs and files are taken."""

from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ems_telemetry.config.service import WebhookSettings
from ems_telemetry.records.registers.webhooks import WebhookBody
from ems_telemetry.records.sending.addresses import refusal

PLANT = ["10.1.2.3", "172.16.0.9", "192.168.7.7", "127.0.0.1", "::1", "fd12:3456::1"]
PUBLIC = ["93.184.216.34", "2606:2800:220:1::1"]
NEVER = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200", "192.0.0.192", "0.0.0.0",  # noqa: S104  # nobody binds to it
    "::", "224.0.0.1", "ff02::1", "255.255.255.255", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
@pytest.mark.parametrize("allow_private", [True, False])
def test_metadata_and_link_local_addresses_are_never_reached(address: str, *, allow_private: bool) -> None:
    assert refusal(address, allow_private=allow_private) is not None


@pytest.mark.parametrize("address", PLANT)
def test_the_plant_network_is_reached_unless_it_is_forbidden(address: str) -> None:
    assert refusal(address, allow_private=True) is None
    assert refusal(address, allow_private=False) == "is not public, and webhooks.allow_private is false"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached_but_never_without_encryption(address: str) -> None:
    assert refusal(address, allow_private=False) is None
    assert refusal(address, allow_private=True, only_loopback=True) == "is another machine, and the URL is not https"


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_treated_alike_however_ipv6_writes_it(number: int) -> None:
    plain = IPv4Address(number)
    for allow_private in (True, False):
        wanted = refusal(str(plain), allow_private=allow_private)
        for written in (IPv6Address(0xFFFF << 32 | number), IPv6Address((0x64FF9B << 96) | number)):
            assert refusal(str(written), allow_private=allow_private) == wanted


@given(st.ip_addresses())
def test_what_is_reached_with_private_addresses_forbidden_is_global(address: IPv4Address | IPv6Address) -> None:
    if isinstance(address, IPv4Address) and refusal(str(address), allow_private=False) is None:
        assert ip_address(address).is_global


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ems.example.com/x", "must be https"),
        ("http://10.0.0.9/x", "must be https"),
        ("ftp://ems.example.com", "is not a URL"),
        ("https://", "is not a URL"),
        ("https://[::1", "is not a URL"),
        ("https://host:99999/", "is not a URL"),
        ("https://me:secret@ems.example.com/", "must not hold a password"),
        ("https://ems.example.com/#part", "part behind #"),
        ("https://ems.example.com/a b", "pattern"),
    ],
)
def test_a_url_that_would_not_be_safe_is_refused_in_words(url: str, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        WebhookBody.model_validate({"url": url, "events": ["record.amended"]})


def test_http_is_taken_for_a_receiver_on_this_machine() -> None:
    for url in ("http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]:9000/", "https://ems.example.com/x?site=BER1"):
        assert WebhookBody.model_validate({"url": url, "events": ["gap.opened"]}).url == url


def test_a_file_without_certificates_is_told_when_the_configuration_is_checked(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.write_text("no certificate\n")
    with pytest.raises(ValidationError, match="holds no certificates"):
        WebhookSettings(ca_file=file)
