"""Profiles are found by their names, and stand in the manual."""

from pathlib import Path

import pytest

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.catalogue import look_up
from ems_telemetry.rules.concentrations import CONFIDENCE
from ems_telemetry.rules.limit_sets import LIMIT_SETS
from ems_telemetry.rules.ph import PH_PROFILES

pytestmark = pytest.mark.unit

MANUAL = Path(__file__).parents[3] / "docs" / "permits.md"


def test_a_name_gives_what_it_stands_for() -> None:
    assert look_up({"a@1": 1, "b@1": 2}, "b@1", "thing") == 2


@pytest.mark.parametrize(
    ("name", "words"),
    [("alpha@2", "did you mean Alpha@1?"), ("ALPHA@1", "did you mean Alpha@1?"), ("xyz", "known are Alpha@1, beta@1")],
)
def test_a_name_that_is_not_known_is_refused_with_the_nearest_or_all(name: str, words: str) -> None:
    with pytest.raises(CannotComputeError) as refused:
        look_up({"Alpha@1": 1, "beta@1": 2}, name, "thing")
    assert str(refused.value).startswith(f'thing "{name}" is not known; ')
    assert words in str(refused.value)


@pytest.mark.parametrize("name", [*LIMIT_SETS, *PH_PROFILES, *CONFIDENCE])
def test_every_profile_stands_in_the_manual(name: str) -> None:
    assert f"| `{name}` |" in MANUAL.read_text(encoding="utf-8")


def test_profiles_are_kept_under_their_own_names() -> None:
    assert all(name == profile.id for name, profile in LIMIT_SETS.items())
    assert all(name == profile.id for name, profile in PH_PROFILES.items())
