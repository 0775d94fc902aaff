"""Problem documents and suggestions."""

import json

import pytest

from ems_telemetry.api.problem import ApiError, ProblemType, Suggestion, WrongParameter, wrong_parameters


def test_a_problem_is_written_as_rfc_9457_has_it() -> None:
    error = wrong_parameters([WrongParameter("limit", "0", "should be at least 1"), WrongParameter("x", None, "is not known")])
    response = error.to_response("/api/v1/points")
    assert (response.status_code, response.media_type) == (422, "application/problem+json")
    assert json.loads(bytes(response.body)) == {
        "type": "urn:ems-telemetry:problem:invalid-parameter",
        "title": "A parameter is wrong",
        "status": 422,
        "detail": 'limit: "0" should be at least 1; x: is not known',
        "instance": "/api/v1/points",
        "errors": [
            {"parameter": "limit", "value": "0", "detail": "should be at least 1"},
            {"parameter": "x", "value": None, "detail": "is not known"},
        ],
    }


@pytest.mark.parametrize("type_", list(ProblemType))
def test_every_problem_has_a_name_of_its_own_and_an_error_status(type_: ProblemType) -> None:
    assert [other for other in ProblemType if other.uri == type_.uri] == [type_]
    assert ApiError(type_, "x").to_response("/").status_code >= 400


@pytest.mark.parametrize(
    ("word", "known", "suggested"),
    [
        ("em-01", ["EM-01", "EM-90"], '; did you mean "EM-01"?'),
        ("fom", ["from", "to"], '; did you mean "from"?'),
        ("entirely else", ["EM-01"], ""),
        ("EM-01", [], ""),
    ],
)
def test_the_nearest_is_suggested_and_nothing_that_is_far(word: str, known: list[str], suggested: str) -> None:
    assert str(Suggestion(word, known)) == suggested
