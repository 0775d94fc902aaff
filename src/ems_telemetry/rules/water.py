"""The balance of water: what was taken, what was given back, what was used again; null where a part is not known."""

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, exactly, percent_of


class WaterBalance(NamedTuple):
    """Volumes in m3 and the share that was used again; each is None where something it follows from is not known.

    `consumption` is what was withdrawn and not discharged. `reuse_percent` is reuse in percent of withdrawal and reuse; it is
    None also where both are zero.
    """

    withdrawal: Decimal | None
    discharge: Decimal | None
    reuse: Decimal | None
    consumption: Decimal | None
    reuse_percent: Decimal | None


@exactly
def water_balance(
    withdrawals: Iterable[Decimal | None], discharges: Iterable[Decimal | None], reused: Iterable[Decimal | None]
) -> WaterBalance:
    """Balances the water of a site over a period.

    Args:
        withdrawals: m3 from each source, None where one is not known. Without any meter the sum is not known: it is not zero.
        discharges: m3 to each outfall.
        reused: m3 of each stream of recycled water.

    Raises:
        CannotComputeError: a volume is below zero.
    """
    withdrawal, discharge, reuse = _sum("withdrawal", withdrawals), _sum("discharge", discharges), _sum("reuse", reused)
    supply = None if withdrawal is None or reuse is None else withdrawal + reuse
    return WaterBalance(
        withdrawal,
        discharge,
        reuse,
        None if withdrawal is None or discharge is None else withdrawal - discharge,
        None if reuse is None or not supply else percent_of(reuse, supply),
    )


def _sum(what: str, volumes: Iterable[Decimal | None]) -> Decimal | None:
    given = list(volumes)
    known = [volume for volume in given if volume is not None]
    if any(volume < 0 for volume in known):
        raise CannotComputeError(f"a {what} of {min(known)} m3 is below zero; correct the meter's direction or its readings")
    return sum(known, ZERO) if known and len(known) == len(given) else None
