from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.rules.scope_2 import Consumption, Instrument, MarketPart, Origin, scope_2_of

pytestmark = pytest.mark.unit

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
BOUGHT = Consumption(Decimal(12_000), "DE", (BEGIN, END), Decimal("0.350"), Decimal("0.450"))
GO = Instrument("GO-2026-88", Origin.CERTIFICATE, Decimal(5000), Decimal(0), "DE", BEGIN, END, END)
RATE = Instrument("supplier", Origin.SUPPLIER, Decimal(4000), Decimal("0.200"), "DE", BEGIN, END, None)
volumes = st.lists(
    st.tuples(
        st.sampled_from([Origin.CERTIFICATE, Origin.CONTRACT, Origin.SUPPLIER]),
        st.decimals(min_value="0.001", max_value=2000, places=3),
        st.decimals(min_value=0, max_value=1, places=3),
    ),
    max_size=6,
)


def test_cr_45_location_and_market_based() -> None:
    told = scope_2_of(BOUGHT, [RATE, GO])
    assert (told.location_based_t, told.market_based_t) == (Decimal(4200), Decimal(2150))
    assert not told.flags
    assert told.parts == (
        MarketPart(Decimal(5000), Decimal(0), Origin.CERTIFICATE, "GO-2026-88"),
        MarketPart(Decimal(4000), Decimal("0.200"), Origin.SUPPLIER, "supplier"),
        MarketPart(Decimal(3000), Decimal("0.450"), Origin.RESIDUAL_MIX, None),
    )
    assert [part.tonnes for part in told.parts] == [0, 800, 1350]


def test_cr_45_without_a_residual_mix_the_grid_stands_in_and_is_flagged() -> None:
    told = scope_2_of(BOUGHT._replace(residual_t_per_mwh=None), [GO, RATE])
    assert (told.location_based_t, told.market_based_t) == (Decimal(4200), Decimal(1850))
    assert told.flags == ("no_residual_mix",)
    assert told.parts[-1] == MarketPart(Decimal(3000), Decimal("0.350"), Origin.GRID, None)


def test_hierarchy_goes_from_certificates_to_the_residual_mix() -> None:
    contract = GO._replace(id="PPA-1", origin=Origin.CONTRACT, volume_mwh=Decimal(1000))
    told = scope_2_of(BOUGHT, [RATE, contract, GO])
    assert [part.origin for part in told.parts] == [Origin.CERTIFICATE, Origin.CONTRACT, Origin.SUPPLIER, Origin.RESIDUAL_MIX]


def test_consumption_covered_as_a_whole_needs_no_residual_mix() -> None:
    whole = GO._replace(volume_mwh=Decimal(12_000))
    told = scope_2_of(BOUGHT._replace(residual_t_per_mwh=None), [whole])
    assert told.market_based_t == 0
    assert len(told.parts) == 1
    assert not told.flags


def test_cr_45_instruments_over_the_consumption_are_rejected_with_the_figures() -> None:
    with pytest.raises(CannotComputeError, match=r"cover 12000\.5 MWh and 12000 MWh were consumed; take 0\.5 MWh"):
        scope_2_of(BOUGHT, [RATE, GO._replace(volume_mwh=Decimal("8000.5"))])
    assert scope_2_of(BOUGHT, [RATE, GO._replace(volume_mwh=Decimal(8000))]).market_based_t == 800


@pytest.mark.parametrize(
    ("vintage_from", "vintage_to"),
    [(BEGIN - MOMENT, END), (BEGIN, END + MOMENT), (END, END + MOMENT), (END, BEGIN), (BEGIN, BEGIN)],
)
def test_cr_45_vintage_outside_the_window_is_rejected(vintage_from: datetime, vintage_to: datetime) -> None:
    with pytest.raises(CannotComputeError, match=r"GO-2026-88 has the vintage .* outside the window 2026-01-01T00:00:00"):
        scope_2_of(BOUGHT, [GO._replace(vintage_from=vintage_from, vintage_to=vintage_to)])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"market": "FR"}, "is of market FR and the consumption of DE"),
        ({"retired_at": None}, "is not retired"),
        ({"retired_at": None, "origin": Origin.CONTRACT}, "is not retired"),
        ({"volume_mwh": Decimal(0)}, "covers 0 MWh"),
        ({"volume_mwh": Decimal(-1)}, "covers -1 MWh"),
        ({"origin": Origin.RESIDUAL_MIX}, "residual_mix is no instrument"),
    ],
)
def test_instrument_that_does_not_count_is_rejected(change: dict[str, object], reason: str) -> None:
    with pytest.raises(CannotComputeError, match=f"GO-2026-88.*{reason}"):
        scope_2_of(BOUGHT, [GO._replace(**change)])  # type: ignore[arg-type]


def test_instrument_counts_once() -> None:
    with pytest.raises(CannotComputeError, match="GO-2026-88 is named twice"):
        scope_2_of(BOUGHT, [GO, GO])


def test_negative_consumption_is_refused() -> None:
    assert scope_2_of(BOUGHT._replace(mwh=Decimal(0)), []).location_based_t == 0
    with pytest.raises(CannotComputeError, match="consumption is -1 MWh"):
        scope_2_of(BOUGHT._replace(mwh=Decimal(-1)), [])


@given(volumes, st.decimals(min_value=0, max_value=5000, places=3), st.sampled_from([None, Decimal("0.45")]))
def test_market_based_parts_add_up_to_the_consumption(
    drawn: list[tuple[Origin, Decimal, Decimal]], uncovered: Decimal, residual: Decimal | None
) -> None:
    instruments = [
        Instrument(str(n), origin, volume, factor, "DE", BEGIN, END, END) for n, (origin, volume, factor) in enumerate(drawn)
    ]
    mwh = sum((volume for _, volume, _ in drawn), uncovered)
    told = scope_2_of(BOUGHT._replace(mwh=mwh, residual_t_per_mwh=residual), instruments)
    assert sum((part.mwh for part in told.parts), Decimal(0)) == mwh
    assert sum((part.tonnes for part in told.parts), Decimal(0)) == told.market_based_t
    assert told.flags == (("no_residual_mix",) if uncovered and residual is None else ())
