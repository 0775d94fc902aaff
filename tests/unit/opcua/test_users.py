"""By which of a server's rules a user is proved, and what is never sent."""

from pathlib import Path

import pytest
from asyncua import ua
from asyncua.crypto import security_policies
from opcua_certificates import issue
from pydantic import SecretStr, ValidationError

from ems_telemetry.connectors.opcua.access import OpcUaUser
from ems_telemetry.connectors.opcua.certificates import CertificateError, belong_together
from ems_telemetry.connectors.opcua.own_certificate import OwnCertificate
from ems_telemetry.connectors.opcua.users import (
    NamedUser,
    choose_token_policy,
    encrypts_for_the_server,
    read_user,
    sends_clear_text,
)
from ems_telemetry.errors import EndpointRefusedError

NONE = security_policies.SecurityPolicyNone.URI
OLD = security_policies.SecurityPolicyBasic256.URI
GOOD = security_policies.SecurityPolicyBasic256Sha256.URI
BEST = security_policies.SecurityPolicyAes256Sha256RsaPss.URI
NAMED = NamedUser("ems", SecretStr("hunter2"), allow_clear_text=False)
OPEN, SIGNED, ENCRYPTED = ua.MessageSecurityMode.None_, ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt


def rule(kind: ua.UserTokenType, uri: str | None) -> ua.UserTokenPolicy:
    return ua.UserTokenPolicy(PolicyId=str(uri), TokenType=kind, SecurityPolicyUri=uri)


def names(*uris: str | None) -> list[ua.UserTokenPolicy]:
    return [rule(ua.UserTokenType.Anonymous, None), *(rule(ua.UserTokenType.UserName, uri) for uri in uris)]


@pytest.mark.parametrize("offered", [(NONE, OLD, BEST, GOOD), (BEST,), ("http://policies/of/tomorrow", BEST)])
def test_the_best_rule_we_know_is_taken_and_not_the_first(offered: tuple[str, ...]) -> None:
    assert choose_token_policy(NAMED, names(*offered), NONE).PolicyId == BEST


@pytest.mark.parametrize("unsaid", [None, ""])
def test_a_rule_without_a_policy_means_the_channel_s(unsaid: str | None) -> None:
    assert choose_token_policy(NAMED, names(unsaid), GOOD).SecurityPolicyUri == GOOD


def test_a_server_that_takes_no_such_user_is_told_with_what_it_takes() -> None:
    with pytest.raises(EndpointRefusedError, match=r"a name and a password here; check user: \(it takes: anonymous\)"):
        choose_token_policy(NAMED, names(), GOOD)
    with pytest.raises(EndpointRefusedError, match=r"does not let in anonymous here; .*it takes: a name and a password"):
        choose_token_policy(None, names(GOOD)[1:], GOOD)


def test_a_rule_nobody_here_knows_is_told_by_its_name() -> None:
    with pytest.raises(EndpointRefusedError, match="not known here: ECC_nistP256"):
        choose_token_policy(NAMED, names("http://opcfoundation.org/UA/SecurityPolicy#ECC_nistP256"), GOOD)


def test_a_server_that_names_no_rules_is_tried_all_the_same() -> None:
    assert choose_token_policy(None, [], GOOD).TokenType == ua.UserTokenType.Anonymous


@pytest.mark.parametrize(
    ("uri", "mode", "clear"),
    [
        (NONE, OPEN, True),
        (NONE, SIGNED, True),
        (NONE, ENCRYPTED, False),
        (GOOD, OPEN, False),
        (OLD, SIGNED, False),
    ],
)
def test_a_password_is_in_clear_text_where_neither_rule_nor_channel_encrypts(
    uri: str, mode: ua.MessageSecurityMode, *, clear: bool
) -> None:
    policy = rule(ua.UserTokenType.UserName, uri)
    assert sends_clear_text(NAMED, policy, mode) is clear
    assert encrypts_for_the_server(NAMED, policy) is (uri != NONE)


@pytest.mark.parametrize(
    "user", [None, NamedUser("ems", None, allow_clear_text=False), NamedUser("ems", SecretStr("x"), allow_clear_text=True)]
)
def test_whoever_has_no_password_or_allows_clear_text_is_not_held_up(user: NamedUser | None) -> None:
    for uri in (NONE, GOOD):
        policy = rule(ua.UserTokenType.UserName, uri)
        assert not sends_clear_text(user, policy, OPEN)
        assert not encrypts_for_the_server(user, policy)


def test_a_password_is_read_from_its_file_and_shown_nowhere(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    user = read_user(OpcUaUser(name="ems", password_file=tmp_path / "password"))
    assert isinstance(user, NamedUser)
    assert user.password is not None
    assert user.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(user)


def test_a_password_file_that_has_gone_or_is_no_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"\xff\xfe")
    user = OpcUaUser(name="ems", password_file=file)
    with pytest.raises(EndpointRefusedError, match=r"password file .* cannot be read") as refused:
        read_user(user)
    assert "xff" not in str(refused.value)
    file.unlink()
    with pytest.raises(EndpointRefusedError, match="cannot be read"):
        read_user(user)


def test_a_user_with_a_certificate_is_read_with_its_key(tmp_path: Path) -> None:
    paths = issue("operator").write(tmp_path, "operator")
    user = read_user(OpcUaUser.model_validate(paths))
    assert isinstance(user, OwnCertificate)
    assert belong_together(user.certificate, user.key)
    assert "PRIVATE" not in repr(user)
    Path(paths["key"]).write_bytes(b"-")
    with pytest.raises(CertificateError, match="operator"):
        read_user(OpcUaUser.model_validate(paths))


def test_an_empty_name_is_refused_because_it_would_mean_nobody_in_particular() -> None:
    with pytest.raises(ValidationError, match="at least 1"):
        OpcUaUser(name="")
