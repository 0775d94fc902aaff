"""States of things as HTTP names them, by the rules of RFC 9110."""

import pytest
from hypothesis import given
from hypothesis.strategies import integers, text

from ems_telemetry.api.etag import check_match, etag_of, not_modified
from ems_telemetry.api.problem import ApiError, ProblemType

NOW = etag_of("M-1", 3)
BEFORE = etag_of("M-1", 2)


def refusal(if_match: str | None) -> ApiError | None:
    try:
        check_match(if_match, NOW)
    except ApiError as error:
        return error
    return None


@given(text(), integers(), text(), integers())
def test_two_states_have_one_name_only_if_they_are_the_same(id_: str, revision: int, other: str, later: int) -> None:
    assert (etag_of(id_, revision) == etag_of(other, later)) == ((id_, revision) == (other, later))


def test_a_name_is_a_strong_one_in_quotes() -> None:
    assert (NOW[0], NOW[-1], len(NOW)) == ('"', '"', 34)


@pytest.mark.parametrize("held", [NOW, f"W/{NOW}", f'{BEFORE}, {NOW}, "x,y"', f' "x" ,W/{NOW}', "*"])
def test_who_holds_the_state_is_told_only_that_nothing_changed(held: str) -> None:
    answer = not_modified(held, NOW)
    assert answer is not None
    assert (answer.status_code, answer.headers["etag"], answer.body) == (304, NOW, b"")


@pytest.mark.parametrize("held", [None, BEFORE, "", NOW.strip('"'), "W/", '"'])
def test_who_does_not_hold_it_is_answered(held: str | None) -> None:
    assert not_modified(held, NOW) is None


@pytest.mark.parametrize("named", [NOW, f"{BEFORE}, {NOW}", "*"])
def test_a_change_of_the_state_of_now_is_made(named: str) -> None:
    assert refusal(named) is None


@pytest.mark.parametrize("named", [BEFORE, f"W/{NOW}", "", NOW.strip('"')])
def test_a_change_of_another_state_is_refused_with_that_of_now(named: str) -> None:
    refused = refusal(named)
    assert refused is not None
    assert (refused.type, refused.headers["ETag"]) == (ProblemType.PRECONDITION_FAILED, NOW)


def test_a_change_that_names_no_state_is_refused() -> None:
    refused = refusal(None)
    assert refused is not None
    assert (refused.type, int(refused.type.status)) == (ProblemType.PRECONDITION_REQUIRED, 428)
