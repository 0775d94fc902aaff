"""The form of limits: what does not fit together is refused in words."""

from decimal import Decimal
from typing import Any

import pytest
from limit_inputs import limit
from pydantic import ValidationError

from ems_telemetry.records.registers.limit_profiles import block_profile, day_profile
from ems_telemetry.records.registers.obligations import LimitBody
from ems_telemetry.rules.limit_sets import LIMIT_SETS
from ems_telemetry.rules.profiles import DayProfile


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"plan": "P-1"}, "either the point or the item"),
        ({"point": None}, "either the point or the item"),
        ({"statistic": "hourly_maen"}, "statistics are hourly_mean"),
        ({"statistic": "lcp@2"}, "did you mean lcp@1"),
        ({"statistic": "lcp@1"}, "needs `values` named elv"),
        ({"statistic": "lcp@1", "value": None, "values": {"a": 1}}, "needs `values` named elv"),
        ({"value": None}, "needs a `value`"),
        ({"values": {"elv": 1}}, "and no `values`"),
        ({"block_validity": None}, "needs `block_validity`"),
        ({"block_validity": "eu_ets_huor@1"}, "did you mean eu_ets_hour@1"),
        ({"block_validity": "eu_cems_half_hour@1"}, "is of 60 min"),
        ({"day_validity": "de_half_hour_day@1"}, "counts blocks of 30 min"),
        (
            {
                "statistic": "half_hour_mean",
                "block_validity": "eu_cems_half_hour@1",
                "availability": "us_cems_75_90@1",
            },
            "us_cems_75_90@1 counts blocks of 60 min",
        ),
        ({"availability": "us_cems@1"}, "us_cems_75_90@1"),
        ({"statistic": "daily_mean"}, "needs `day_validity`"),
        ({"statistic": "rolling_mean"}, "`rolling_days` belongs to"),
        ({"rolling_days": 30}, "`rolling_days` belongs to"),
        ({"ph_profile": "ph_401_17@1"}, "`ph_profile` belongs to"),
        ({"off_states": ["off"]}, "name the `state_point`"),
        ({"state_point": "S", "exclude_states": ["off"]}, "do not tell the number of off"),
        ({"state_point": "S", "states": {"off": [0], "run": [0]}}, "one number to two states"),
        ({"state_point": "S", "states": {"off": [2**53 + 1]}}, "less than or equal to 2147483648"),
        ({"required_percent": "0"}, "greater than 0"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_does_not_fit_together_is_refused_in_words(said: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        limit(**said)


def test_a_range_of_ph_has_two_ends_in_their_order() -> None:
    said = {"statistic": "ph_excursions", "value": None, "block_validity": None, "ph_profile": "ph_401_17@1", "unit": "pH"}
    assert limit(**said, values={"low": 6, "high": 9})["values"] == {"low": "6", "high": "9"}
    with pytest.raises(ValidationError, match="is not below `high`"):
        limit(**said, values={"low": 9, "high": 6})


@pytest.mark.parametrize("name", LIMIT_SETS)
def test_every_set_of_criteria_can_be_worded(name: str) -> None:
    values = dict.fromkeys(LIMIT_SETS[name].limits, "200")
    half_hours = name == "wi@1"
    body = LimitBody.model_validate(
        limit(
            statistic=name, value=None, values=values, block_validity="eu_cems_half_hour@1" if half_hours else "eu_ets_hour@1",
            day_validity="wi_day@1" if half_hours else "lcp_day@1",
        )
    )  # fmt: skip
    block, day = block_profile(body.block_validity), day_profile(body.day_validity)
    assert block is not None
    assert isinstance(day, DayProfile)
    assert (body.is_set, block.minutes == day.block_minutes) == (True, True)
    assert set(body.values.values()) == {Decimal(200)}
