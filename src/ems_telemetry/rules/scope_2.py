"""Purchased electricity told twice: by the grid it comes from, and by the contracts it is bought under (CR-45).

After the GHG Protocol's Scope 2 Guidance. The hierarchy of the market-based figure: certificates and contracts, then the
supplier's own rate, then the residual mix, and the grid where no residual mix is known.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.arithmetic import ZERO, digits, exactly

NO_RESIDUAL_MIX: Final = "no_residual_mix"


class Origin(StrEnum):
    """What a part's factor is from, in the order of the hierarchy."""

    CERTIFICATE = "certificate"
    CONTRACT = "contract"
    SUPPLIER = "supplier"
    RESIDUAL_MIX = "residual_mix"
    GRID = "grid"


_RANKS: Final = {origin: rank for rank, origin in enumerate(Origin)}
_INSTRUMENTS: Final = (Origin.CERTIFICATE, Origin.CONTRACT, Origin.SUPPLIER)
_RETIRED: Final = (Origin.CERTIFICATE, Origin.CONTRACT)


class Instrument(NamedTuple):
    """A contractual instrument: how much it covers, at what factor, from when and where.

    The electricity was made in [vintage_from, vintage_to). `retired_at` is when it was cancelled on behalf of the consumer,
    None while it is not; a supplier's rate is not retired by its customer.
    """

    id: str
    origin: Origin
    volume_mwh: Decimal
    t_per_mwh: Decimal
    market: str
    vintage_from: datetime
    vintage_to: datetime
    retired_at: datetime | None


class Consumption(NamedTuple):
    """What was bought in a market in a period, and within which times the vintage of an instrument must lie.

    `residual_t_per_mwh` is None where nobody publishes a residual mix.
    """

    mwh: Decimal
    market: str
    vintage_window: tuple[datetime, datetime]
    grid_t_per_mwh: Decimal
    residual_t_per_mwh: Decimal | None


class MarketPart(NamedTuple):
    """A part of the consumption and the factor it is told by; `instrument` is None for the residual mix and the grid."""

    mwh: Decimal
    t_per_mwh: Decimal
    origin: Origin
    instrument: str | None

    @property
    @exactly
    def tonnes(self) -> Decimal:
        """What it emitted, t CO2e."""
        return self.mwh * self.t_per_mwh


class Scope2(NamedTuple):
    """Both figures in t CO2e. The parts of the market-based one add up to the consumption."""

    location_based_t: Decimal
    market_based_t: Decimal
    parts: tuple[MarketPart, ...]
    flags: tuple[str, ...]


@exactly
def scope_2_of(consumption: Consumption, instruments: Sequence[Instrument]) -> Scope2:
    """Computes both figures.

    Raises:
        CannotComputeError: an instrument does not count for this consumption, is named twice, or all of them cover more
            than was consumed.
    """
    if consumption.mwh < 0:
        raise CannotComputeError(f"the consumption is {digits(consumption.mwh)} MWh; it cannot be negative")
    _refuse_twice(instruments)
    for instrument in instruments:
        _refuse_unfit(instrument, consumption)
    covered = sum((instrument.volume_mwh for instrument in instruments), ZERO)
    if covered > consumption.mwh:
        raise CannotComputeError(
            f"instruments cover {digits(covered)} MWh and {digits(consumption.mwh)} MWh were consumed; "
            f"take {digits(covered - consumption.mwh)} MWh of them out"
        )
    ranked = sorted(instruments, key=lambda instrument: _RANKS[instrument.origin])
    parts = [MarketPart(each.volume_mwh, each.t_per_mwh, each.origin, each.id) for each in ranked]
    rest = consumption.mwh - covered
    flags: tuple[str, ...] = ()
    if rest and consumption.residual_t_per_mwh is not None:
        parts.append(MarketPart(rest, consumption.residual_t_per_mwh, Origin.RESIDUAL_MIX, None))
    elif rest:
        parts.append(MarketPart(rest, consumption.grid_t_per_mwh, Origin.GRID, None))
        flags = (NO_RESIDUAL_MIX,)
    market_t = sum((part.tonnes for part in parts), ZERO)
    return Scope2(consumption.mwh * consumption.grid_t_per_mwh, market_t, tuple(parts), flags)


def _refuse_twice(instruments: Sequence[Instrument]) -> None:
    seen: set[str] = set()
    for instrument in instruments:
        if instrument.id in seen:
            raise CannotComputeError(f"instrument {instrument.id} is named twice; what it covers counts once")
        seen.add(instrument.id)


def _refuse_unfit(instrument: Instrument, consumption: Consumption) -> None:
    first, last = consumption.vintage_window
    if instrument.origin not in _INSTRUMENTS:
        raise CannotComputeError(f"instrument {instrument.id}: {instrument.origin} is no instrument; name it by its factor")
    if instrument.volume_mwh <= 0:
        raise CannotComputeError(f"instrument {instrument.id} covers {digits(instrument.volume_mwh)} MWh; enter what it covers")
    if instrument.market != consumption.market:
        raise CannotComputeError(
            f"instrument {instrument.id} is of market {instrument.market} and the consumption of {consumption.market}; "
            f"it counts only in its own market"
        )
    if not first <= instrument.vintage_from < instrument.vintage_to <= last:
        raise CannotComputeError(
            f"instrument {instrument.id} has the vintage {_span(instrument.vintage_from, instrument.vintage_to)}, "
            f"outside the window {_span(first, last)}; use one whose vintage lies in it"
        )
    if instrument.origin in _RETIRED and instrument.retired_at is None:
        raise CannotComputeError(f"instrument {instrument.id} is not retired; retire it on behalf of the site, then enter when")


def _span(start: datetime, end: datetime) -> str:
    return f"{start.isoformat()} to {end.isoformat()}"
