"""Masses and loads: concentration times volume, interval by interval; a mean of concentrations is never put in its place."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, exactly, percent_of
from ems_telemetry.rules.runs import microseconds

KG_PER_MG: Final = Decimal("1e-6")
"""For mg/Nm3 times Nm3."""
KG_PER_UG: Final = Decimal("1e-9")
"""For µg/Nm3 times Nm3, as mercury is told."""
KG_PER_G: Final = Decimal("1e-3")
"""For mg/L times m3: one mg/L is one g/m3."""
M3_PER_MILLION_GALLONS: Final = Decimal("3785.411784")
"""The US gallon is 231 cubic inches, of 2.54 cm each, exactly (NIST SP 811)."""
_HOUR_US: Final = 3_600_000_000
LB_PER_DAY: Final = Decimal("8.34")
"""Pounds a day in one MGD of one mg/L, as US permits write it; default, the permit decides."""


class Emitted(NamedTuple):
    """What one interval gave: its mean concentration and the volume of gas or water at the same state; None is missing."""

    concentration: Decimal | None
    volume: Decimal | None


class Mass(NamedTuple):
    """A mass and what it was computed from.

    `kg` and `flow_weighted` are None where an interval is missing, unless the part that is known was asked for;
    `flow_weighted` also where nothing flowed. `volume` is that of the `used` intervals, of `expected`. Of the others the
    concentration alone was missing, the volume alone, or both.
    """

    kg: Decimal | None
    flow_weighted: Decimal | None
    volume: Decimal
    used: int
    expected: int
    without_concentration: int
    without_volume: int
    without_both: int

    @property
    def coverage_percent(self) -> Decimal:
        """Gives the share of the intervals that are in it."""
        return percent_of(self.used, self.expected)


@exactly
def mass_of(intervals: Iterable[Emitted], kg_per_product: Decimal = KG_PER_MG, *, partial: bool = False) -> Mass:
    """Adds up concentration times volume.

    Where the volume was measured and is zero, nothing was emitted, whether or not the concentration is known.

    Args:
        intervals: all of the period, each of the same length, with None where something is missing. The concentrations are
            normalised ones, not those from which a confidence interval was taken off.
        kg_per_product: what concentration times volume is in kg.
        partial: give what is known, although intervals are missing.

    Raises:
        CannotComputeError: there is no interval, or a volume is below zero.
    """
    given = list(intervals)
    if not given:
        raise CannotComputeError(
            "there is no interval to compute a mass from; give all of the period, with nulls for missing ones"
        )
    known = [(each.concentration or ZERO, each.volume) for each in given if _is_known(each) and each.volume is not None]
    if any(volume < 0 for _, volume in known):
        raise CannotComputeError(
            f"a volume of {min(volume for _, volume in known)} is below zero; leave the interval out as invalid"
        )
    products = sum((concentration * volume for concentration, volume in known), ZERO)
    volume = sum((each for _, each in known), ZERO)
    told = bool(known) and (partial or len(known) == len(given))
    return Mass(
        products * kg_per_product if told else None,
        products / volume if told and volume else None,
        volume,
        len(known),
        len(given),
        sum(each.concentration is None and bool(each.volume) for each in given),
        sum(each.concentration is not None and each.volume is None for each in given),
        sum(each.concentration is None and each.volume is None for each in given),
    )


def _is_known(each: Emitted) -> bool:
    return each.volume is not None and (each.concentration is not None or each.volume == 0)


@exactly
def volume_of(flow_per_h: Decimal, duration: timedelta) -> Decimal:
    """Gives the volume that flowed, from a mean flow per hour."""
    return flow_per_h * microseconds(duration) / _HOUR_US


@exactly
def load_kg_per_day(flow_m3_per_day: Decimal, mg_per_l: Decimal) -> Decimal:
    """Gives the load of a flow in kg a day."""
    return flow_m3_per_day * mg_per_l * KG_PER_G


@exactly
def load_lb_per_day(flow_mgd: Decimal, mg_per_l: Decimal, lb_per_day: Decimal = LB_PER_DAY) -> Decimal:
    """Gives the load of a flow in pounds a day, from million US gallons a day."""
    return flow_mgd * mg_per_l * lb_per_day


@exactly
def m3_per_day_of_mgd(flow_mgd: Decimal) -> Decimal:
    """Turns million US gallons a day into m3 a day."""
    return flow_mgd * M3_PER_MILLION_GALLONS
