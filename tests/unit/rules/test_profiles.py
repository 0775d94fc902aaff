"""Profiles are found by id, and a slip is told with what was meant."""

from dataclasses import FrozenInstanceError, replace

import pytest

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.profiles import PROFILES, DayProfile, LadderProfile, Profile, QuadrantProfile, ShareProfile, profile_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.id)
def test_every_profile_is_found_by_its_id_and_tells_its_version_and_source(profile: Profile) -> None:
    assert profile_of(profile.id, type(profile)) is profile
    name, _, version = profile.id.partition("@")
    assert name
    assert int(version) >= 1
    assert profile.source


def test_a_misspelt_id_is_refused_with_the_nearest_known() -> None:
    with pytest.raises(CannotComputeError, match=r'^profile "US_hours@1" is not known; did you mean us_hour@1\?$'):
        profile_of("US_hours@1", QuadrantProfile)
    with pytest.raises(CannotComputeError, match=r"did you mean de_half_hour_day@1\?"):
        profile_of("de_halfhour_day@1", DayProfile)


def test_an_id_unlike_any_is_refused_with_all_that_fit() -> None:
    with pytest.raises(CannotComputeError, match=r"known are lcp_day@1, de_half_hour_day@1, wi_day@1$"):
        profile_of("???", DayProfile)


def test_a_profile_for_another_rule_is_refused() -> None:
    with pytest.raises(CannotComputeError, match='profile "us_hour@1" is for another rule'):
        profile_of("us_hour@1", ShareProfile)


def test_an_unknown_version_is_not_the_latest() -> None:
    with pytest.raises(CannotComputeError, match=r"did you mean us_part75_so2@1\?"):
        profile_of("us_part75_so2@2", LadderProfile)


def test_a_permit_of_its_own_leaves_the_default_as_it_is() -> None:
    default = profile_of("lcp_day@1", DayProfile)
    own = replace(default, id="permit_12_2024@1", most_lost=4)
    assert (own.most_lost, default.most_lost) == (4, 3)
    with pytest.raises(FrozenInstanceError):
        default.most_lost = 5  # type: ignore[misc]
