"""Tokens of issuers of OpenID Connect, as real servers give them: whose are taken, what they allow, and what is refused."""

import asyncio
import hashlib
import hmac
import json
import logging
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import jwt
import pytest
from authority import Authority
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fakes import HandClock
from servers.oidc_issuer import AUDIENCE, DISCOVERY, JWKS, Manner, OidcIssuer, joined, make_key, public_jwk
from servers.process import free_port

from ems_telemetry.api import issuer_keys
from ems_telemetry.api.access import Caller
from ems_telemetry.api.problem import ApiError, ProblemType
from ems_telemetry.api.tokens import MOST_BYTES, Tokens
from ems_telemetry.config.access import IssuerSettings

from .conftest import Plant, client_of


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def issuer(clock: HandClock) -> Iterator[OidcIssuer]:
    with OidcIssuer(clock.now) as issuer:
        issuer.add_key("one")
        yield issuer


def settings(issuer: OidcIssuer, **other: object) -> IssuerSettings:
    return IssuerSettings.model_validate({"issuer": issuer.url, "audience": AUDIENCE, "sites": "all", **other})


def tokens(issuer: OidcIssuer, clock: HandClock, **other: object) -> Tokens:
    return Tokens([settings(issuer, **other)], clock)


async def refusal(tokens: Tokens, token: str) -> ApiError:
    with pytest.raises(ApiError) as refused:
        await tokens.identify(token)
    for part in token.split("."):
        assert len(part) < 8 or part not in refused.value.detail
    return refused.value


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_token_of_the_issuer_is_taken_whatever_kind_of_key_it_has(
    issuer: OidcIssuer, clock: HandClock, algorithm: str
) -> None:
    issuer.add_key("its", algorithm)
    caller = await tokens(issuer, clock).identify(issuer.token("its"))
    assert caller == Caller(f"oidc:127.0.0.1:{issuer.port}:7d1c", caller.kind, "ada", frozenset({"read"}), None)
    assert (caller.kind, caller.credential) == ("oidc", "token")


async def test_an_issuer_over_tls_is_known_by_the_certificates_of_the_file(clock: HandClock, tmp_path: Path) -> None:
    authority = Authority(tmp_path, "plant")
    stranger = Authority(tmp_path / "other", "stranger")
    with OidcIssuer(clock.now, tls=authority.issue("login"), path="/realms/plant") as issuer:
        issuer.add_key("one")
        caller = await tokens(issuer, clock, ca_file=authority.certificate).identify(issuer.token())
        assert caller.id == f"oidc:127.0.0.1:{issuer.port}/realms/plant:7d1c"
        for ca_file in (stranger.certificate, None):
            refused = await refusal(tokens(issuer, clock, ca_file=ca_file), issuer.token())
            assert refused.type is ProblemType.ISSUER_UNAVAILABLE


async def test_two_issuers_are_told_apart_and_neither_signs_for_the_other(issuer: OidcIssuer, clock: HandClock) -> None:
    with OidcIssuer(clock.now) as other:
        other.add_key("one")
        both = Tokens([settings(issuer), settings(other)], clock)
        ids = [(await both.identify(one.token())).id for one in (issuer, other)]
        assert ids == [f"oidc:127.0.0.1:{one.port}:7d1c" for one in (issuer, other)]
        assert "signature" in (await refusal(both, other.token(iss=issuer.url))).detail


async def test_keys_may_be_said_to_be_elsewhere_and_are_then_not_looked_for(issuer: OidcIssuer, clock: HandClock) -> None:
    await tokens(issuer, clock, jwks_uri=f"{issuer.url}{JWKS}").identify(issuer.token())
    assert issuer.asked == [JWKS]


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "grafana"}, "another audience"),
        ({"aud": ["grafana", "account"]}, "another audience"),
        ({"aud": f"{AUDIENCE} grafana"}, "another audience"),
        ({"aud": None}, "another audience"),
        ({"exp": None}, "never ends"),
        ({"exp": "tomorrow"}, "claim exp is no time"),
        ({"exp": True}, "claim exp is no time"),
        ({"sub": None}, "does not say whose it is"),
        ({"sub": ""}, "does not say whose it is"),
        ({"sub": "a\nb"}, "does not say whose it is"),
        ({"sub": "x" * 256}, "does not say whose it is"),
        ({"iss": "https://elsewhere.example"}, "of another issuer"),
        ({"iss": None}, "of another issuer"),
    ],
)
async def test_a_token_whose_claims_will_not_do_is_refused_in_words(
    issuer: OidcIssuer, clock: HandClock, claims: dict[str, Any], words: str
) -> None:
    made = {name: value for name, value in issuer.claims(**claims).items() if value is not None}
    token = jwt.api_jws.encode(json.dumps(made).encode(), issuer._keys["one"][0], "RS256", {"kid": "one"})
    refused = await refusal(tokens(issuer, clock), token)
    assert refused.type is ProblemType.UNAUTHENTICATED
    assert words in refused.detail


async def test_a_token_among_whose_audiences_we_are_is_taken(issuer: OidcIssuer, clock: HandClock) -> None:
    assert (await tokens(issuer, clock).identify(issuer.token(aud=["account", AUDIENCE]))).name == "ada"


async def test_a_token_holds_from_its_begin_to_its_end_with_the_leeway_of_the_clocks(
    issuer: OidcIssuer, clock: HandClock
) -> None:
    start = int(clock.now().timestamp())
    token = issuer.token(iat=start, nbf=start + 100, exp=start + 200)
    taken = tokens(issuer, clock, clock_leeway="30s")
    outcomes = {}
    for at_s in (69, 70, 229, 230):
        clock.turn(at_s - clock.monotonic())
        try:
            outcomes[at_s] = (await taken.identify(token)).name
        except ApiError as refused:
            outcomes[at_s] = refused.detail.partition(";")[0]
    assert outcomes == {69: "this token does not hold yet", 70: "ada", 229: "ada", 230: "this token has expired"}


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ({"crit": ["exp"], "exp": 1}, "extensions (crit)"),
        ({"crit": ["b64"], "b64": True}, "extensions (crit)"),
        ({"typ": "logout+jwt"}, "of another type"),
        ({"typ": 7}, "of another type"),
        ({"alg": "RS384"}, "not signed in a way that is taken; taken are RS256, ES256, EdDSA"),
        ({"alg": "ES256"}, "signed with a key that its issuer does not name"),
        ({"kid": "two"}, "signed with a key that its issuer does not name"),
        ({"kid": ["one"]}, "cannot be read"),
    ],
)
async def test_a_token_whose_head_will_not_do_is_refused_in_words(
    issuer: OidcIssuer, clock: HandClock, head: dict[str, Any], words: str
) -> None:
    rs256 = jwt.get_algorithm_by_name("RS256")
    key = issuer._keys["one"][0]
    token = joined({"alg": "RS256", "kid": "one", **head}, issuer.claims(), lambda message: rs256.sign(message, key))
    refused = await refusal(tokens(issuer, clock), token)
    assert (refused.type, words in refused.detail) == (ProblemType.UNAUTHENTICATED, True), refused.detail


@pytest.mark.parametrize("type_", ["JWT", "at+jwt", "application/at+jwt"])
async def test_the_types_of_the_standards_are_taken(issuer: OidcIssuer, clock: HandClock, type_: str) -> None:
    assert (await tokens(issuer, clock).identify(issuer.token(head={"typ": type_, "of_the_issuers_own": 1}))).name == "ada"


async def test_nobody_signs_with_nothing_with_the_public_key_or_with_a_key_brought_along(
    issuer: OidcIssuer, clock: HandClock
) -> None:
    key = issuer._keys["one"][0]
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    own = make_key("RS256")
    rs256 = jwt.get_algorithm_by_name("RS256")
    forged = [
        joined({"alg": "none"}, issuer.claims(), lambda _: b""),
        joined({"alg": "None", "kid": "one"}, issuer.claims(), lambda _: b""),
        joined({"alg": "HS256", "kid": "one"}, issuer.claims(), lambda m: hmac.digest(public, m, hashlib.sha256)),
        joined({"alg": "RS256", "jwk": public_jwk(own)}, issuer.claims(), lambda m: rs256.sign(m, own)),
        joined({"alg": "RS256", "kid": "one", "jku": issuer.url}, issuer.claims(), lambda m: rs256.sign(m, own)),
        joined({"alg": "RS256", "kid": "one"}, issuer.claims(), lambda _: b""),
    ]
    taken = tokens(issuer, clock)
    for token in forged:
        assert (await refusal(taken, token)).type is ProblemType.UNAUTHENTICATED
    signed = issuer.token(scope="read")
    head, _, signature = signed.split(".")
    more = issuer.token(scope="read admin").split(".")[1]
    assert "signature" in (await refusal(taken, f"{head}.{more}.{signature}")).detail


@pytest.mark.parametrize(
    "token", ["a.b.c", "..", "e30.e30.", "W10.e30.AA", "eyJhbGciOiJSUzI1NiJ9.bm8.AA", "é.é.é", f"{'W1tb' * 3000}.e30.AA"]
)
async def test_what_is_no_token_at_all_is_refused(issuer: OidcIssuer, clock: HandClock, token: str) -> None:
    assert (await refusal(tokens(issuer, clock), token)).type is ProblemType.UNAUTHENTICATED
    assert issuer.asked == []


async def test_a_token_of_more_than_16_kib_is_refused_before_anything_is_done_with_it(
    issuer: OidcIssuer, clock: HandClock
) -> None:
    token = issuer.token(groups=["x" * MOST_BYTES])
    assert (await refusal(tokens(issuer, clock), token)).detail == "this token is longer than 16384 bytes"
    assert issuer.asked == []


async def test_keys_that_cannot_prove_a_signature_are_passed_over(issuer: OidcIssuer, clock: HandClock) -> None:
    issuer.add_key("for-encryption", use="enc")
    issuer.add_key("weak", key=make_key("RS256", bits=1024))
    issuer.published["to-come"] = {"kty": "AKP", "kid": "to-come", "alg": "ML-DSA-44", "pub": "AA"}
    issuer.published["secret"] = {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"}
    issuer.published["broken"] = {"kty": "RSA", "kid": "broken", "n": "!"}
    taken = tokens(issuer, clock)
    assert (await taken.identify(issuer.token())).name == "ada"
    for kid in ("for-encryption", "weak"):
        rs256, key = jwt.get_algorithm_by_name("RS256"), issuer._keys[kid][0]
        token = joined({"alg": "RS256", "kid": kid}, issuer.claims(), partial(rs256.sign, key=key))
        assert "does not name" in (await refusal(taken, token)).detail
        clock.turn(60)


async def test_a_token_that_names_no_key_is_checked_by_all_of_them(issuer: OidcIssuer, clock: HandClock) -> None:
    issuer.add_key("two")
    key = issuer._keys["two"][0]
    assert (await tokens(issuer, clock).identify(jwt.encode(issuer.claims(), key, "RS256"))).name == "ada"


async def test_a_new_key_is_found_at_its_first_token_and_unknown_ones_are_asked_for_once_a_minute(
    issuer: OidcIssuer, clock: HandClock
) -> None:
    taken = tokens(issuer, clock)
    await taken.identify(issuer.token())
    issuer.add_key("two", "ES256")
    assert "does not name" in (await refusal(taken, issuer.token("two"))).detail
    clock.turn(60)
    assert (await taken.identify(issuer.token("two"))).name == "ada"
    assert issuer.asked == [DISCOVERY, JWKS] * 2
    unknown = issuer.token("two", head={"kid": "three"})
    await asyncio.gather(*(refusal(taken, unknown) for _ in range(20)))
    clock.turn(60)
    await asyncio.gather(*(refusal(taken, unknown) for _ in range(20)))
    assert issuer.asked == [DISCOVERY, JWKS] * 3


async def test_a_key_that_the_issuer_withdraws_ends_within_an_hour(issuer: OidcIssuer, clock: HandClock) -> None:
    issuer.add_key("two")
    taken = tokens(issuer, clock)
    until = int((clock.now() + timedelta(days=1)).timestamp())
    token = issuer.token(exp=until)
    await taken.identify(token)
    issuer.withdraw_key("one")
    clock.turn(issuer_keys.RENEWED_AFTER_S - 1)
    await taken.identify(token)
    clock.turn(1)
    assert "does not name" in (await refusal(taken, token)).detail


async def test_keys_are_kept_for_a_day_while_the_issuer_is_away(issuer: OidcIssuer, clock: HandClock) -> None:
    taken = tokens(issuer, clock)
    token = issuer.token(exp=int((clock.now() + timedelta(days=9)).timestamp()))
    await taken.identify(token)
    issuer.__exit__()
    clock.turn(issuer_keys.KEPT_S - 1)
    assert (await taken.identify(token)).name == "ada"
    clock.turn(1)
    refused = await refusal(taken, token)
    assert (refused.type, refused.headers["Retry-After"]) == (ProblemType.ISSUER_UNAVAILABLE, "10")
    with issuer:
        assert (await refusal(taken, token)).type is ProblemType.ISSUER_UNAVAILABLE
        clock.turn(issuer_keys.AWAY_AGAIN_S)
        assert (await taken.identify(token)).name == "ada"


@pytest.mark.parametrize("manner", [manner for manner in Manner if manner not in {Manner.WELL, Manner.SLOWLY}])
async def test_what_an_issuer_says_amiss_opens_nothing_and_takes_no_key_away(
    issuer: OidcIssuer, clock: HandClock, manner: Manner
) -> None:
    issuer.manner = manner
    taken = tokens(issuer, clock)
    assert (await refusal(taken, issuer.token())).type is ProblemType.ISSUER_UNAVAILABLE
    issuer.manner = Manner.WELL
    clock.turn(issuer_keys.AWAY_AGAIN_S)
    token = issuer.token(exp=int((clock.now() + timedelta(days=9)).timestamp()))
    await taken.identify(token)
    issuer.manner = manner
    clock.turn(issuer_keys.RENEWED_AFTER_S)
    assert (await taken.identify(token)).name == "ada"


async def test_an_issuer_that_does_not_answer_is_not_waited_for_without_end(
    issuer: OidcIssuer, clock: HandClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issuer_keys, "FETCH_WITHIN_S", 0.3)
    issuer.manner = Manner.SLOWLY
    taken = tokens(issuer, clock)
    refused = await asyncio.gather(*(refusal(taken, issuer.token()) for _ in range(5)))
    assert {one.type for one in refused} == {ProblemType.ISSUER_UNAVAILABLE}
    assert issuer.asked == [DISCOVERY]


async def test_an_issuer_that_says_it_is_another_or_sends_us_where_it_is_not_safe_is_not_believed(
    issuer: OidcIssuer, clock: HandClock
) -> None:
    token = issuer.token()
    issuer.says_it_is = issuer.url + "/"
    assert (await refusal(tokens(issuer, clock), token)).type is ProblemType.ISSUER_UNAVAILABLE
    issuer.says_it_is = issuer.url
    for place in ("http://192.0.2.1/keys", "file:///etc/passwd", "", "https://user:secret@127.0.0.1/keys"):
        issuer.keys_are_at = place
        assert (await refusal(tokens(issuer, clock), token)).type is ProblemType.ISSUER_UNAVAILABLE
    assert issuer.asked == [DISCOVERY] * 5


@pytest.mark.parametrize(
    ("said", "claims", "scopes"),
    [
        ({}, {"scope": "openid read approve"}, {"read", "approve"}),
        ({}, {"scope": ["read", "audit", 7]}, {"read", "audit"}),
        ({}, {"scope": None}, set()),
        ({"scopes_claim": "roles"}, {"roles": ["admin"], "scope": "read"}, {"admin"}),
        ({"scopes_claim": "realm_access.roles"}, {"realm_access": {"roles": ["read", "offline_access"]}}, {"read"}),
        ({"scopes_claim": "realm_access.roles"}, {"realm_access": ["roles"]}, set()),
        ({"scopes_claim": "https://ems.example/scopes"}, {"https://ems.example/scopes": "read"}, {"read"}),
        (
            {"scopes_claim": "groups", "scope_map": {"energy-team": ["read", "metrology"], "energy-reader": ["read"]}},
            {"groups": ["energy-team", "admin", "energy-reader"]},
            {"read", "metrology"},
        ),
    ],
)
async def test_scopes_come_from_the_claim_that_is_named_by_the_map_that_is_given(
    issuer: OidcIssuer, clock: HandClock, said: dict[str, Any], claims: dict[str, Any], scopes: set[str]
) -> None:
    assert (await tokens(issuer, clock, **said).identify(issuer.token(**claims))).scopes == scopes


@pytest.mark.parametrize(
    ("said", "claims", "sites"),
    [
        ({"sites": "all"}, {}, None),
        ({"sites": "none"}, {}, ()),
        ({"sites_claim": "ems_sites", "sites": "none"}, {"ems_sites": ["BER1", "BER1", "MUC1"]}, ("BER1", "MUC1")),
        ({"sites_claim": "ems_sites", "sites": "none"}, {"ems_sites": "BER1 MUC1"}, ("BER1", "MUC1")),
        ({"sites_claim": "ems_sites", "sites": "none"}, {"ems_sites": "*"}, None),
        ({"sites_claim": "ems_sites", "sites": "none"}, {}, ()),
        ({"sites_claim": "ems_sites", "sites": "all"}, {}, None),
        ({"sites_claim": "ems_sites", "sites": "all"}, {"ems_sites": []}, ()),
        ({"sites_claim": "ems_sites", "sites": "all"}, {"ems_sites": 7}, ()),
    ],
)
async def test_sites_come_from_the_claim_that_is_named_and_without_it_from_the_settings(
    issuer: OidcIssuer, clock: HandClock, said: dict[str, Any], claims: dict[str, Any], sites: tuple[str, ...] | None
) -> None:
    taken = tokens(issuer, clock, **said)
    if sites == ():
        refused = await refusal(taken, issuer.token(**claims))
        assert (refused.type, refused.detail.partition(";")[0]) == (ProblemType.FORBIDDEN, "this token is for no site")
    else:
        assert (await taken.identify(issuer.token(**claims))).sites == sites


@pytest.mark.parametrize(
    ("claims", "name"), [({}, "ada"), ({"preferred_username": None}, "7d1c"), ({"preferred_username": "a\nb"}, "7d1c")]
)
async def test_a_caller_has_the_name_that_its_issuer_gives_or_its_subject(
    issuer: OidcIssuer, clock: HandClock, claims: dict[str, Any], name: str
) -> None:
    assert (await tokens(issuer, clock).identify(issuer.token(**claims))).name == name


async def test_a_token_of_one_site_opens_nothing_of_another(plant: Plant) -> None:
    with OidcIssuer(plant.clock.now) as issuer:
        issuer.add_key("one")
        app = plant.app(oidc=[settings(issuer, sites_claim="ems_sites")])
        async with client_of(app, issuer.token(ems_sites=["BER1"])) as client:
            seen = [item["id"] for item in (await client.get("/api/v1/sites")).json()["items"]]
            refused = await client.get("/api/v1/meters?site=MUC1")
            hidden = await client.get("/api/v1/meters/EM-90")
            whole = await client.get("/api/v1/config/revisions")
            beyond = await client.post("/api/v1/reload")
    assert seen == ["BER1"]
    assert (refused.status_code, refused.json()["detail"]) == (403, 'this token does not allow the site "MUC1", only BER1')
    assert (hidden.status_code, whole.status_code, beyond.status_code) == (404, 403, 403)
    assert beyond.json()["detail"] == 'this needs a token with the scope "admin"; this one allows read'


async def test_keys_and_tokens_are_taken_side_by_side_and_a_token_needs_no_database(plant: Plant) -> None:
    with OidcIssuer(plant.clock.now) as issuer:
        issuer.add_key("one")
        app = plant.app(oidc=[settings(issuer)])
        for credential in (await plant.key(), issuer.token()):
            async with client_of(app, credential) as client:
                assert (await client.get("/api/v1/sites")).status_code == 200
        await plant.database.close()
        async with client_of(app, issuer.token()) as client:
            assert (await client.get("/api/v1/connectors")).status_code == 200


async def test_without_an_issuer_a_token_is_refused_with_what_to_do(plant: Plant) -> None:
    async with client_of(plant.app(), "eyJhbGciOiJSUzI1NiJ9.e30.AA") as client:
        answer = await client.get("/api/v1/sites")
    assert answer.status_code == 401
    assert "name their issuer in api.oidc, or send a key" in answer.json()["detail"]
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_nothing_of_a_token_is_ever_repeated_or_logged(
    plant: Plant, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with OidcIssuer(plant.clock.now) as issuer, caplog.at_level(logging.DEBUG):
        issuer.add_key("one")
        app = plant.app(oidc=[settings(issuer)])
        made = [issuer.token(), issuer.token(aud="other"), issuer.token(head={"kid": "two"}), issuer.token()[:-8] + "AAAAAAAA"]
        issuer.manner = Manner.FAILING
        answers = []
        for token in made:
            async with client_of(app, token) as client:
                answers.append(await client.get("/api/v1/sites"))
            issuer.manner = Manner.WELL
            plant.clock.turn(60)
    assert [answer.status_code for answer in answers] == [503, 401, 401, 401]
    logged = "".join(str(record.__dict__) for record in caplog.records) + capsys.readouterr().out
    assert "oidc_issuer_away" in logged
    for token in made:
        for part in token.split("."):
            assert part not in logged
            assert not [answer for answer in answers if part in answer.text]


async def test_an_issuer_where_nobody_listens_is_told_once(
    clock: HandClock, capsys: pytest.CaptureFixture[str], issuer: OidcIssuer
) -> None:
    issuer.says_it_is = f"http://127.0.0.1:{free_port()}"
    taken = Tokens([IssuerSettings(issuer=issuer.says_it_is, audience=AUDIENCE)], clock)
    for _ in range(3):
        assert (await refusal(taken, issuer.token())).type is ProblemType.ISSUER_UNAVAILABLE
        clock.turn(issuer_keys.AWAY_AGAIN_S)
    assert capsys.readouterr().out.count("oidc_issuer_away") == 1
