"""Settings of who may ask: limits as they are written, and issuers that are not to be believed."""

from typing import Any, get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from ems_telemetry.config.access import Algorithm, IssuerSettings, Rate
from ems_telemetry.config.service import ApiSettings

RATE: TypeAdapter[str | None] = TypeAdapter(Rate)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("600/minute", "600/minute"),
        (" 10 / Second", "10/second"),
        ("5000/hours", "5000/hour"),
        ("1/day", "1/day"),
        ("off", None),
        (False, None),
        (None, None),
    ],
)
def test_a_limit_is_read_as_it_is_written(written: object, read: str | None) -> None:
    assert RATE.validate_python(written) == read


@pytest.mark.parametrize("written", ["0/minute", "10001/minute", "600", "600/month", "x/minute", "-1/minute", True, 600, ""])
def test_what_is_no_limit_is_refused_with_an_example(written: object) -> None:
    with pytest.raises(ValidationError, match="as 10/second, 600/minute"):
        RATE.validate_python(written)


def issuer(**other: object) -> dict[str, Any]:
    return {"issuer": "https://login.example.org/realms/plant", "audience": "ems-telemetry", **other}


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"issuer": "http://login.example.org"}, "use https"),
        ({"issuer": "login.example.org"}, "is not the address of an issuer"),
        ({"issuer": "https://user:secret@login.example.org"}, "is not the address of an issuer"),
        ({"issuer": "https://login.example.org?x=1"}, 'may hold no "[?]"'),
        ({"jwks_uri": "http://192.0.2.1/keys"}, "use https"),
        ({"audience": ""}, "at least 1"),
        ({"algorithms": []}, "at least 1"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"scope_map": {"reader": ["raed"]}}, "'read'"),
        ({"clock_leeway": "6m"}, "less than or equal to 300"),
        ({"ca_file": "/nowhere/ca.pem"}, "cannot be read"),
        ({"sites": "BER1"}, "'all' or 'none'"),
    ],
)
def test_an_issuer_that_could_not_be_believed_is_refused(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        IssuerSettings.model_validate(issuer(**said))


@pytest.mark.parametrize("place", ["http://127.0.0.1:8081/realms/x", "http://[::1]:8081", "http://localhost"])
def test_an_issuer_on_this_machine_needs_no_tls(place: str) -> None:
    assert IssuerSettings.model_validate(issuer(issuer=place)).issuer == place


def test_an_issuer_is_named_once() -> None:
    with pytest.raises(ValidationError, match="twice"):
        ApiSettings.model_validate({"oidc": [issuer(), issuer(audience="other")]})


def test_no_way_to_sign_that_needs_a_shared_secret_can_be_chosen() -> None:
    assert not [one for one in Algorithm if one.lower() == "none" or one.startswith("HS")]
    assert get_args(IssuerSettings.model_fields["algorithms"].annotation)[0] is Algorithm
