"""Who asks, in words."""

import pytest

from ems_telemetry.api.caller import ANONYMOUS, Caller, CallerKind
from ems_telemetry.api.problem import ApiError

KEY = Caller("key:0a1b", CallerKind.KEY, "ems", frozenset({"read"}), ("BER1",))
PERSON = Caller("oidc:login.example.org:7d1c", CallerKind.OIDC, "ada", frozenset({"read"}), ("BER1", "MUC1"))


def test_each_kind_of_caller_is_called_so_that_people_find_it() -> None:
    assert [one.label for one in (KEY, PERSON, ANONYMOUS)] == ["key ems", "ada (oidc:login.example.org:7d1c)", "anonymous"]


@pytest.mark.parametrize(
    ("caller", "words"), [(KEY, "this key is for BER1 only"), (PERSON, "this token is for BER1, MUC1 only")]
)
def test_a_refusal_names_what_was_sent(caller: Caller, words: str) -> None:
    with pytest.raises(ApiError, match=words):
        caller.check_whole("the configuration")
    with pytest.raises(ApiError, match=f'this {caller.credential} does not allow the site "LEJ1"'):
        caller.check_site("LEJ1")
    caller.check_site("BER1")
    caller.check_site(None)
