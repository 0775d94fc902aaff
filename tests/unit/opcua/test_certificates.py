"""Certificates read, made, and told in words."""

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from opcua_certificates import NOW, issue

from ems_telemetry.connectors.opcua.certificates import (
    CertificateError,
    CertificateWish,
    as_pem,
    belong_together,
    facts_of,
    is_authority,
    key_bits,
    make_certificate,
    new_key,
    read_certificates,
    read_key,
)

WISH = CertificateWish("urn:gateway:ems-telemetry", ("gateway", "10.20.0.5"), organization="Berlin works")
PLC = issue("plc")
PLANT = issue("plant authority", authority=True)


def test_our_certificate_says_what_servers_look_for() -> None:
    key = new_key()
    made = make_certificate(WISH, key, NOW)
    facts = facts_of(made)
    usage = made.extensions.get_extension_for_class(x509.KeyUsage).value
    assert (facts.uri, facts.hosts) == (WISH.uri, WISH.hosts)
    assert facts.subject == "O=Berlin works,CN=ems-telemetry@gateway"
    assert facts.not_before < NOW < facts.not_after == NOW + timedelta(days=5 * 365)
    assert all((usage.digital_signature, usage.content_commitment, usage.key_encipherment, usage.data_encipherment))
    assert usage.key_cert_sign
    assert not is_authority(made)
    assert list(made.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert belong_together(made, key)
    made.verify_directly_issued_by(made)
    assert (key_bits(made), type(made.signature_hash_algorithm).__name__) == (2048, "SHA256")


def test_a_server_s_clock_may_be_a_little_behind() -> None:
    assert facts_of(make_certificate(WISH, new_key(), NOW)).not_before == NOW - timedelta(days=1)


def test_a_long_host_name_is_cut_in_the_subject_alone() -> None:
    host = "gateway-of-the-compressed-air-station-in-the-cellar-of-hall-1-of-berlin"
    assert facts_of(make_certificate(replace(WISH, hosts=(host,)), new_key(), NOW)).hosts == (host,)


def test_what_no_certificate_can_say_is_refused() -> None:
    with pytest.raises(CertificateError, match="cannot say that"):
        make_certificate(replace(WISH, hosts=("größe",)), new_key(), NOW)


def test_certificates_are_read_as_text_and_as_they_travel_alone_and_in_chains() -> None:
    chain = [PLC.certificate, PLANT.certificate]
    assert read_certificates(PLC.der) == chain[:1]
    assert read_certificates(PLC.der + PLANT.der) == chain
    assert read_certificates(b"\n" + as_pem(PLC.certificate) + as_pem(PLANT.certificate)) == chain


@pytest.mark.parametrize(
    "content", [b"", b"0", b"-", b"\x30\x82\xff\xff", PLC.der[:-1], PLC.der + b"0", b"-----BEGIN X", b"0\x80"]
)
def test_what_is_no_certificate_is_refused(content: bytes) -> None:
    with pytest.raises(CertificateError, match="no certificate"):
        read_certificates(content)


def test_keys_are_read_as_text_and_as_bytes() -> None:
    for encoding in (Encoding.PEM, Encoding.DER):
        content = PLC.key.private_bytes(encoding, PrivateFormat.PKCS8, NoEncryption())
        assert belong_together(PLC.certificate, read_key(content))


def test_a_key_that_cannot_be_used_is_told_why() -> None:
    encrypted = PLC.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    elliptic = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for content, words in ((encrypted, "is encrypted"), (elliptic, "no RSA key"), (PLC.der, "no private key")):
        with pytest.raises(CertificateError, match=words):
            read_key(content)


def test_the_digits_are_those_other_tools_show() -> None:
    facts = facts_of(PLC.certificate)
    assert (len(facts.thumbprint), len(facts.fingerprint)) == (40, 64)
    assert facts.fingerprint in str(facts)
    assert facts.thumbprint in str(facts)
