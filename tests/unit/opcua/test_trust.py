"""Whose certificate is believed, and why another one's is not."""

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from opcua_certificates import NOW, URI, Issued, issue, revoke

from ems_telemetry.connectors.opcua.trust import Shown, TrustList, Verdict, end_of_validity, judge

PLANT = issue("plant authority", authority=True)
STRANGER = issue("plant authority", authority=True)
"""Another key under the same name."""
LINE = issue("line authority", PLANT, authority=True)


def shown(server: Issued, *issuers: Issued, uri: str | None = URI, host: str = "plc") -> Shown:
    return Shown(server.certificate, tuple(issuer.certificate for issuer in issuers), uri, host)


def trusting(*issued: Issued, revocations: Iterable[x509.CertificateRevocationList] = ()) -> TrustList:
    return TrustList(tuple(one.certificate for one in issued), tuple(revocations))


def verdict_on(what: Shown, trusted: TrustList, pinned: Issued | None = None) -> Verdict:
    return judge(what, trusted, None if pinned is None else pinned.certificate, NOW)


def test_nobody_is_trusted_by_default() -> None:
    verdict = verdict_on(shown(issue("server")), TrustList())
    assert "not trusted" in verdict.refusals[0]
    assert verdict.acceptable


def test_a_server_in_the_list_is_trusted() -> None:
    server = issue("server")
    assert verdict_on(shown(server), trusting(issue("other"), server)) == Verdict()


def test_another_certificate_of_the_same_name_is_not() -> None:
    assert not verdict_on(shown(issue("server")), trusting(issue("server"))).trusted


@pytest.mark.parametrize(
    "oddity",
    [{"end": NOW - timedelta(days=1)}, {"uri": "urn:another"}, {"use": ExtendedKeyUsageOID.CLIENT_AUTH}, {"uri": None}],
)
def test_what_is_odd_about_a_certificate_is_told_before_it_is_accepted_and_let_through_after(oddity: dict[str, Any]) -> None:
    server = issue("server", **oddity)
    assert len(verdict_on(shown(server), TrustList()).refusals) == 2
    assert verdict_on(shown(server), trusting(server)).trusted


def test_a_certificate_of_tomorrow_is_believed_if_accepted_with_a_hint_at_the_clocks() -> None:
    server = issue("server", start=NOW + timedelta(hours=20))
    assert verdict_on(shown(server), trusting(server)) == Verdict(notes=("it is valid only from 2026-03-03; check the clocks",))


def test_a_pinned_certificate_is_believed_and_no_other_one_whatever_the_list_says() -> None:
    server, other = issue("server"), issue("other")
    assert verdict_on(shown(server), TrustList(), pinned=server).trusted
    refused = verdict_on(shown(other), trusting(other), pinned=server)
    assert "pins" in refused.refusals[0]
    assert not refused.acceptable


def test_a_weak_key_is_refused_even_if_accepted() -> None:
    server = issue("server", bits=1024)
    verdict = verdict_on(shown(server), trusting(server))
    assert "1024" in verdict.refusals[0]
    assert not verdict.acceptable


def test_what_a_trusted_authority_issued_is_trusted() -> None:
    assert verdict_on(shown(issue("server", PLANT)), trusting(PLANT)) == Verdict()


def test_an_authority_in_between_is_believed_if_the_server_sends_it() -> None:
    server = issue("server", LINE)
    assert verdict_on(shown(server, LINE), trusting(PLANT)).trusted
    assert verdict_on(shown(server), trusting(LINE)).trusted
    assert not verdict_on(shown(server), trusting(PLANT)).trusted


def test_an_authority_of_the_same_name_with_another_key_vouches_for_nobody() -> None:
    verdict = verdict_on(shown(issue("server", STRANGER), STRANGER), trusting(PLANT))
    assert not verdict.trusted
    assert "the chain does not hold" in verdict.refusals[1]


def test_a_trusted_server_is_no_authority_although_its_key_signs_its_own_certificate() -> None:
    server = issue("server")
    assert not verdict_on(shown(issue("forged", server)), trusting(server)).trusted


def test_an_expired_authority_vouches_for_nobody() -> None:
    old = issue("old authority", authority=True, end=NOW - timedelta(days=1))
    assert not verdict_on(shown(issue("server", old)), trusting(old)).trusted


@pytest.mark.parametrize(
    ("oddity", "words"),
    [
        ({"end": NOW - timedelta(days=1)}, "it expired on 2026-03-01"),
        ({"uri": "urn:another"}, 'it is made for "urn:another", and the server calls itself "urn:plc:server"'),
        ({"use": ExtendedKeyUsageOID.CLIENT_AUTH}, "it is not for servers"),
    ],
)
def test_what_an_authority_vouches_for_must_be_right(oddity: dict[str, Any], words: str) -> None:
    verdict = verdict_on(shown(issue("server", PLANT, **oddity)), trusting(PLANT))
    assert words in verdict.refusals
    assert verdict.acceptable


def test_a_host_the_certificate_does_not_name_is_only_told_because_plants_use_addresses() -> None:
    verdict = verdict_on(shown(issue("server", PLANT), host="10.20.0.40"), trusting(PLANT))
    assert verdict == Verdict(notes=("it names plc, and we reach the server as 10.20.0.40",))


def test_a_revoked_certificate_is_refused_even_if_it_is_in_the_list_itself() -> None:
    server, other = issue("server", PLANT), issue("other", PLANT)
    revocations = [revoke(PLANT, server)]
    assert not verdict_on(shown(server), trusting(PLANT, revocations=revocations)).trusted
    assert not verdict_on(shown(server), trusting(PLANT, server, revocations=revocations)).trusted
    assert verdict_on(shown(other), trusting(PLANT, revocations=revocations)).trusted


def test_an_authority_in_between_can_be_revoked_too() -> None:
    assert not verdict_on(shown(issue("server", LINE), LINE), trusting(PLANT, revocations=[revoke(PLANT, LINE)])).trusted


def test_a_revocation_list_somebody_else_signed_lets_nobody_through() -> None:
    forged = revoke(PLANT, signed_by=STRANGER)
    verdict = verdict_on(shown(issue("server", PLANT)), trusting(PLANT, revocations=[forged]))
    assert verdict.refusals == ('the revocation list of "CN=plant authority" is not signed by it',)


def test_an_unreadable_revocation_list_holds_up_what_authorities_issued_and_nobody_else() -> None:
    by_authority, by_itself = issue("server", PLANT), issue("server")
    trusted = TrustList((PLANT.certificate, by_itself.certificate), unreadable=(Path("plant.crl"),))
    assert verdict_on(shown(by_authority), trusted).refusals == ("the revocation list plant.crl cannot be read",)
    assert verdict_on(shown(by_itself), trusted).trusted


def test_the_end_of_a_certificate_is_told_a_month_ahead_in_words_that_do_not_change_from_day_to_day() -> None:
    certificate = issue("server", end=NOW + timedelta(days=100)).certificate
    said = [end_of_validity("ours", certificate, NOW + timedelta(days=days)) for days in (69, 71, 99, 101)]
    assert said == [None, "ours expires on 2026-06-10", "ours expires on 2026-06-10", "ours expired on 2026-06-10"]
