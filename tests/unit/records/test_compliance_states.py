"""Evaluations with states that people stated, and maintenance of the instrument."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from limit_inputs import JANUARY, hours, judged, limit, quarters
from pydantic import ValidationError

from ems_telemetry.records.registers.obligations import LimitBody

pytestmark = pytest.mark.unit

MINUTE = timedelta(minutes=1)
REGISTER = {"equipment": ["boiler 2"]}
US = {"block_validity": "us_hour@1", "required_percent": "1"}


def at(minute: int) -> datetime:
    return JANUARY + minute * MINUTE


def stated(state: str, since: int, until: int | None, about: str | None = "boiler 2") -> dict[str, Any]:
    return {"id": "S-1", "from": at(since), "to": None if until is None else at(until), "state": state, "equipment": about}


def maintained(since: int, until: int) -> dict[str, Any]:
    return {"from": at(since), "to": at(until), "by": "operating_state", "id": "S-1"}


def day(*first: str | None, fill: str | None = "100") -> list[str | None]:
    return [*first, *[fill] * (96 - len(first))]


def test_cr_28_what_exceeds_in_a_start_up_that_was_stated_is_told_and_not_counted() -> None:
    body = limit(state_register=REGISTER, exclude_states=["start_up"], off_states=["off"])
    figure = judged(body, quarters(day(*hours(300, 199, 210)), stated=[stated("start_up", 0, 60)]))
    assert [(each["value"], each["state"]) for each in figure.details["excluded_exceedances"]] == [(300, "start_up")]
    assert [(each["start"], each["peak"]) for each in figure.details["exceedances"]] == [(at(120), 210)]
    assert (figure.details["valid"], figure.details["excluded"]) == (23, 1)


def test_an_hour_in_which_a_stated_start_up_ends_is_not_excused() -> None:
    body = limit(state_register=REGISTER, exclude_states=["start_up"])
    figure = judged(body, quarters(day(*hours(300)), stated=[stated("start_up", 0, 59)]))
    assert (figure.details["excluded"], len(figure.details["exceedances"])) == (0, 1)


def test_of_states_stated_at_one_time_the_excluded_one_holds_and_then_off() -> None:
    body = limit(state_register=REGISTER, exclude_states=["malfunction"], off_states=["off"])
    said = [stated("normal", 0, None, None), stated("malfunction", 0, 60), stated("off", 0, 120)]
    figure = judged(body, quarters(day(*hours(300, 300)), stated=said))
    assert (figure.details["excluded"], figure.details["not_operating"], figure.details["exceedances"]) == (1, 1, [])


@pytest.mark.parametrize(("overrides", "off"), [(False, 1), (True, 2)])
def test_a_point_goes_before_what_is_stated_unless_that_is_said_to_override_it(off: int, *, overrides: bool) -> None:
    body = limit(
        state_point="BO-2.state", states={"off": [0], "run": [1]}, off_states=["off"],
        state_register={**REGISTER, "overrides": overrides},
    )  # fmt: skip
    codes = [[1, 1]] * 4 + [None] * 4 + [[1, 1]] * 88
    figure = judged(body, quarters(day(), codes=codes, stated=[stated("off", 0, 120)]))
    assert figure.details["not_operating"] == off


def test_cr_12_the_hours_of_the_examples() -> None:
    values = day("100", None, "100", "100", fill=None)
    body = limit(**US, state_register=REGISTER, off_states=["off"], instrument_maintenance=True)
    for since, valid in ((90, 0), (15, 1), (60, 0)):
        spans = [maintained(since, since + 15)]
        assert judged(body, quarters(values, stated=[], maintained=spans)).details["valid"] == valid
    short = quarters(day(None, "100", fill=None), covered_s=["0", "60", *["0"] * 94])
    for end, valid in ((22, 1), (26, 0)):
        off = [stated("off", 0, 10), stated("off", end, None)]
        assert judged(body, {**short, "stated": off, "maintained": []}).details["valid"] == valid


def test_a_state_of_the_point_may_be_that_of_its_instruments_maintenance() -> None:
    codes = [[1, 1], [4, 4], [1, 1], [1, 1], *[[1, 1]] * 92]
    states = {"state_point": "S", "states": {"run": [1], "test": [4]}}
    for named, value in (([], 275), (["test"], 100)):
        body = limit(**US, **states, maintenance_states=named)
        assert judged(body, quarters(day("100", "800", "100", "100", fill=None), codes=codes)).value == value


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"off_states": ["boiling"], "state_register": REGISTER}, "boiling"),
        ({"off_states": ["off"]}, "state_point"),
        ({"maintenance_states": ["maintenance"], "state_register": REGISTER}, "maintenance"),
        ({"point": None, "plan": "nox-1", "state_register": REGISTER}, "item of the plan tells the states"),
    ],
)
def test_states_that_cannot_be_told_are_refused(said: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        limit(**said)


def test_what_came_later_is_not_in_the_words_of_older_limits() -> None:
    kept = LimitBody.model_validate(limit()).model_dump(mode="json", by_alias=True)
    assert not {"state_register", "maintenance_states", "instrument_maintenance"} & set(kept)
