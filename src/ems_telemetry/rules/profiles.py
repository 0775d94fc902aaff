"""Every threshold of the rules, under a name with a version: what a permit demands is chosen by id, never written into code.

A profile never changes once it was published, for records name it and must come out alike for good; what changes is its
version. A permit that demands something else is a profile of its own: `dataclasses.replace(profile, id="permit_12_2024@1", …)`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from fractions import Fraction
from types import MappingProxyType
from typing import Final, TypeVar

from ems_telemetry.errors import CannotComputeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What all have: an id as records name it, and in words where the numbers come from."""

    id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QuadrantProfile(Profile):
    """An hour is valid if each part of it in which the unit ran has a valid point; exceptions for tests and short runs."""

    minutes: int
    quadrants: int
    short_run_minutes: int
    """A unit that ran so long or less needs `short_run_points`, wherever they lie."""
    short_run_points: int
    maintained_points: int
    """With a test or maintenance in the hour so many are enough, the first and last `maintained_apart_minutes` apart."""
    maintained_apart_minutes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareProfile(Profile):
    """An hour or half-hour is valid if so large a share of its points is, that very share included."""

    minutes: int
    least_share: Fraction
    of_operating_part: bool
    """Count only the time in which the unit ran; without, all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DayProfile(Profile):
    """A day is valid unless it lost more than so many hours or half-hours; a year may have so many invalid days."""

    block_minutes: int
    most_lost: int
    most_invalid_days: int
    """One more in a calendar year, and the authority is to be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviationProfile(Profile):
    """A missing hour is the mean of the valid ones and so many standard deviations of them."""

    flag: str
    deviations: int
    most_days_out: int
    """One more day in a row without the instrument, and the authority is to be told."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What substitutes while the availability is at least so many percent, and below the rung above."""

    least_percent: int
    mean_up_to_h: int
    """A gap of so many hours or fewer is the mean of the hours before and after."""
    percentile: int
    """A longer one is this percentile of the latest valid hours, 100 being their maximum."""
    at_least_mean: bool
    """Never less than the mean of the hours before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderProfile(Profile):
    """The less available a monitor was, the more cautious the substitute; below all rungs it is the maximum potential."""

    flag: str
    availability_window_h: int
    latest_h: int
    """Of how many valid hours the percentiles are taken."""
    rungs: tuple[Rung, ...]
    """From the highest on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NeighbourProfile(Profile):
    """A missing property of a fuel is the mean of the samples before and after, or the one of them that there is."""

    flag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvailabilityProfile(Profile):
    """A day meets with so many percent of its operating hours valid, a quarter with so many percent of its operating days."""

    least_hours_percent: int
    least_days_percent: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RollingProfile(Profile):
    """The mean of all valid hours or half-hours of the last so many operating days."""

    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LongMeanProfile(Profile):
    """A mean of many hours needs so many of them, or so large a share of all."""

    least_hours: int | None
    least_share: Fraction | None


P = TypeVar("P", bound=Profile)

_PERMIT: Final = "default; the permit decides"
_AMBIENT: Final = "ambient air, 39. BImSchV (DE) and SI 2007/64 (UK)"

PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.id: profile
        for profile in (
            QuadrantProfile(
                id="us_hour@1",
                source="40 CFR 60 and 63 and rules of states (Minn. R. 7017.1160, PA DEP): a valid minute in each quadrant;"
                " two points 15 min apart with tests or maintenance; one if the unit ran up to 15 min",
                minutes=60,
                quadrants=4,
                short_run_minutes=15,
                short_run_points=1,
                maintained_points=2,
                maintained_apart_minutes=15,
            ),
            ShareProfile(
                id="eu_ets_hour@1",
                source="Regulation (EU) 2018/2066 (MRR) Art. 44: a mean of what there is from 80 % of the most points possible",
                minutes=60,
                least_share=Fraction(4, 5),
                of_operating_part=False,
            ),
            ShareProfile(
                id="eu_cems_half_hour@1",
                source=f"two thirds of the time in operation, as is usual under IED and EN 17255; {_PERMIT}",
                minutes=30,
                least_share=Fraction(2, 3),
                of_operating_part=True,
            ),
            ShareProfile(
                id="half_hour_75@1",
                source=f"75 % of the raw values, as the Austrian IG-L-MKV section 12 has it; of the operating part: {_PERMIT}",
                minutes=30,
                least_share=Fraction(3, 4),
                of_operating_part=True,
            ),
            ShareProfile(
                id="ambient_hour@1",
                source=f"{_AMBIENT}: 75 % of an hour, 45 min",
                minutes=60,
                least_share=Fraction(3, 4),
                of_operating_part=False,
            ),
            DayProfile(
                id="lcp_day@1",
                source=f"IED 2010/75/EU Annex V part 4, large combustion plants: no more than 3 hourly means lost; {_PERMIT}",
                block_minutes=60,
                most_lost=3,
                most_invalid_days=10,
            ),
            DayProfile(
                id="de_half_hour_day@1",
                source=f"13. and 44. BImSchV: no more than 6 half-hours lost; the 10 days a year: {_PERMIT}",
                block_minutes=30,
                most_lost=6,
                most_invalid_days=10,
            ),
            DayProfile(
                id="wi_day@1",
                source="IED 2010/75/EU Annex VI part 8, waste incineration: no more than 5 half-hours a day and 10 days a year"
                " discarded",
                block_minutes=30,
                most_lost=5,
                most_invalid_days=10,
            ),
            DeviationProfile(
                id="eu_mrr45@1",
                source="Regulation (EU) 2018/2066 (MRR) Art. 45 and Annex VIII eq. 4: mean + 2 standard deviations; the"
                f" authority is told after 5 days in a row; that n - 1 divides: {_PERMIT}",
                flag="mrr45",
                deviations=2,
                most_days_out=5,
            ),
            LadderProfile(
                id="us_part75_so2@1",
                source=f"40 CFR 75.32 and 75.33, SO2; that the percentile goes by nearest rank: {_PERMIT}",
                flag="part75_so2",
                availability_window_h=8760,
                latest_h=720,
                rungs=(
                    Rung(least_percent=95, mean_up_to_h=24, percentile=90, at_least_mean=True),
                    Rung(least_percent=90, mean_up_to_h=8, percentile=95, at_least_mean=True),
                    Rung(least_percent=80, mean_up_to_h=0, percentile=100, at_least_mean=False),
                ),
            ),
            NeighbourProfile(
                id="us_part98_property@1",
                source="40 CFR 98.35: the mean of the values before and after; while none is known after, the one before; where"
                " none was before, the first after",
                flag="part98_35",
            ),
            AvailabilityProfile(
                id="us_cems_75_90@1",
                source="40 CFR 60: valid hours for 75 % of the operating hours of a day, on 90 % of the operating days of a"
                " quarter",
                least_hours_percent=75,
                least_days_percent=90,
            ),
            RollingProfile(
                id="us_30_day_rolling@1", source=f"30 operating days, as is usual under 40 CFR 60; {_PERMIT}", days=30
            ),
            RollingProfile(
                id="de_30_day_rolling@1",
                source="13. and 44. BImSchV: the monthly mean is that of the validated half-hours of 30 days, rolling; that"
                f" only operating days count: {_PERMIT}",
                days=30,
            ),
            LongMeanProfile(
                id="de_39bimschv_24h@1",
                source=f"{_AMBIENT}: 18 hours of 24",
                least_hours=18,
                least_share=None,
            ),
            LongMeanProfile(
                id="de_39bimschv_year@1",
                source=f"{_AMBIENT}: 90 % of the hours of a year",
                least_hours=None,
                least_share=Fraction(9, 10),
            ),
        )
    }
)
"""Every profile the product knows, by id."""


def profile_of(profile_id: str, kind: type[P]) -> P:
    """Looks a profile up by its id, `name@version`.

    Args:
        profile_id: such as `us_hour@1`.
        kind: the class it must have for the rule that is to follow it.

    Raises:
        CannotComputeError: there is none of that id, or it is for another rule; the message names the nearest known one.
    """
    profile = PROFILES.get(profile_id)
    if isinstance(profile, kind):
        return profile
    fitting = [each.id for each in PROFILES.values() if isinstance(each, kind)]
    wrong = "is not known" if profile is None else "is for another rule"
    raise CannotComputeError(f'profile "{profile_id}" {wrong}; {_remedy(profile_id, fitting)}')


def _remedy(word: str, known: Iterable[str]) -> str:
    allowed = list(known)
    near = get_close_matches(word.casefold(), allowed, n=1, cutoff=0.6)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(allowed)}"
