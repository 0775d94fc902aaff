"""How records become the figures of a view: holes, groups, buckets, and what two items of the plan count both."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.api.items import columns_of
from ems_telemetry.api.view_items import ITEMS, ViewItem, view_item
from ems_telemetry.records.viewing.figures import ViewFigure
from ems_telemetry.records.viewing.making import Asked, view_of
from ems_telemetry.records.viewing.stretches import Bucket
from ems_telemetry.records.viewing.views import (
    AIR_AVERAGE,
    AIR_MASS,
    DISCHARGE,
    ENERGY,
    PH,
    SUBSTANCE,
    VIEWS,
    WASTE,
    WATER,
    WATER_MASS,
)  # fmt: skip
from ems_telemetry.storage.record_views import ViewRow

pytestmark = pytest.mark.unit

BERLIN = ZoneInfo("Europe/Berlin")
Points = Mapping[tuple[str, str], str | None]
"""By key and carrier of a point, its kWh."""


def month(number: int, year: int = 2026) -> datetime:
    return datetime(year + (number - 1) // 12, (number - 1) % 12 + 1, 1, tzinfo=BERLIN).astimezone(UTC)


def record(type_: str, number: int, value: str | None, unit: str | None, **fields: Any) -> ViewRow:  # noqa: ANN401  # of the row
    """A record of a month."""
    row = ViewRow(
        id=NAMESPACE_URL, revision=1, type=type_, status="final", site="BER1", scope="BER1", plan="item", tz="Europe/Berlin",
        period="1mo", start=month(number), end=month(number + 1), quantity=type_ if unit else None,
        value=None if value is None else Decimal(value), unit=unit, quality="missing" if value is None else "good",
        coverage=Decimal(100), measured=Decimal(100), estimated=Decimal(0), flags=[], method=f"{type_}@1", details={},
        params=None, substance=None, point_quantity=None, point_unit=None, sources=[],
    )._replace(**fields)  # fmt: skip
    return row._replace(id=uuid5(NAMESPACE_URL, f"{row.plan} {row.start}"))


def energy(number: int, points: Points, plan: str = "item", **fields: Any) -> ViewRow:  # noqa: ANN401  # of the row
    """A record of energy of a month, if no other period is said."""
    amounts = list(points.values())
    known = [Decimal(each) for each in amounts if each is not None]
    total = str(sum(known)) if len(known) == len(amounts) else None
    details = {
        "known": str(sum(known)),
        "points": [
            {"point": key, "carrier": carrier, "kwh": kwh, "measured_percent": "100" if kwh else "0", "estimated_percent": "0",
             "quality": "good" if kwh else "missing"}
            for (key, carrier), kwh in points.items()
        ],
    }  # fmt: skip
    sources = [f"interval/{key}" for key, _ in points]
    return record("energy", number, total, **{"unit": "kWh", "details": details, "plan": plan, "sources": sources, **fields})


def refused(number: int, plan: str = "item") -> ViewRow:
    shares: dict[str, Any] = {"coverage": None, "measured": None, "estimated": None}
    details = {"refused": "no such point"}
    return record("energy", number, None, None, plan=plan, details=details, flags=["cannot_compute"], **shares)


def put(*rows: ViewRow, view: str = "energy", **asked: Any) -> list[ViewFigure]:  # noqa: ANN401  # as it is asked for
    return view_of(VIEWS[view], rows, Asked(**asked))


def values(figures: Sequence[ViewFigure]) -> list[Decimal | None]:
    return [figure.told.value for figure in figures]


ELECTRICITY, HEAT = ("EM-01.energy", "electricity"), ("HM-01.energy", "heat")


def test_cr7_three_of_four_10_10_null_10_are_null_and_partial_30_with_a_coverage_of_75_percent() -> None:
    day = [datetime(2026, 3, number, tzinfo=BERLIN).astimezone(UTC) for number in range(1, 6)]
    rows = [
        energy(3, {ELECTRICITY: kwh}, start=day[number], end=day[number + 1], coverage=Decimal(100 if kwh else 0))
        for number, kwh in enumerate(("10", "10", None, "10"))
    ]
    (figure,) = put(*rows, bucket=Bucket.MONTH)
    assert (figure.told.value, figure.flags, figure.told.quality) == (None, ("missing",), "missing")
    (figure,) = put(*rows, bucket=Bucket.MONTH, partial=True)
    assert (figure.told.value, figure.flags, figure.told.quality) == (Decimal(30), ("incomplete",), "uncertain")
    share = Decimal(3 * 24) / Decimal(31 * 24 - 1) * 100  # of a March with 743 hours, of which four days have records
    assert figure.told.coverage == round(share, 6)


def test_a_quarter_without_a_record_of_one_month_has_a_hole() -> None:
    rows = [energy(number, {ELECTRICITY: "100"}) for number in (1, 3)]
    (figure,) = put(*rows, bucket=Bucket.QUARTER)
    assert (figure.told.value, figure.reason) == (None, "a part of the period has no record")
    (figure,) = put(*rows, bucket=Bucket.QUARTER, partial=True)
    assert (figure.told.value, figure.flags) == (Decimal(200), ("incomplete",))
    (figure,) = put(*rows, energy(2, {ELECTRICITY: "50"}), bucket=Bucket.QUARTER)
    assert (figure.told.value, figure.flags, figure.stretch.start, figure.stretch.end) == (Decimal(250), (), month(1), month(4))


def test_a_month_that_was_refused_leaves_every_group_with_a_hole() -> None:
    rows = [energy(1, {ELECTRICITY: "100", HEAT: "10"}), refused(2), energy(3, {ELECTRICITY: "100", HEAT: "10"})]
    figures = put(*rows, bucket=Bucket.QUARTER, groups=("carrier",))
    assert [(figure.told.columns["carrier"], figure.told.value, figure.reason) for figure in figures] == [
        ("electricity", None, "no such point"),
        ("heat", None, "no such point"),
    ]
    assert values(put(*rows, bucket=Bucket.QUARTER, groups=("carrier",), partial=True)) == [200, 20]


def test_a_month_that_has_none_of_a_carrier_adds_nothing_and_lacks_nothing() -> None:
    rows = [energy(1, {ELECTRICITY: "100"}), *(energy(number, {ELECTRICITY: "100", HEAT: "10"}) for number in (2, 3))]
    figures = put(*rows, bucket=Bucket.QUARTER, groups=("carrier",))
    assert [(figure.told.value, figure.told.measured, figure.flags) for figure in figures] == [
        (Decimal(300), Decimal(100), ()), (Decimal(20), Decimal(100), ()),
    ]  # fmt: skip


def test_units_are_never_mixed_in_one_sum() -> None:
    rows = [energy(1, {ELECTRICITY: "100"}), energy(1, {HEAT: "1"}, "other", unit="MWh")]
    assert [(figure.told.value, figure.told.unit) for figure in put(*rows, groups=("scope",))] == [
        (Decimal(1), "MWh"), (Decimal(100), "kWh"),
    ]  # fmt: skip


def test_what_two_items_hold_both_is_added_up_once_or_not_at_all() -> None:
    site, hall = energy(1, {ELECTRICITY: "100", HEAT: "10"}, "site"), energy(1, {ELECTRICITY: "100"}, "hall")
    (figure,) = put(site, hall, groups=("scope",))
    assert (figure.told.value, figure.plans) == (Decimal(110), ("site",))
    (figure,) = put(site, energy(1, {ELECTRICITY: "100", ("EM-09.energy", "electricity"): "5"}, "other"), groups=("scope",))
    assert (figure.told.value, figure.flags) == (None, ("counted_twice",))
    assert "EM-01.energy is counted twice" in str(figure.reason)
    other = energy(1, {("EM-02.energy", "electricity"): "40"}, "other")
    assert values(put(hall, other, groups=("carrier",))) == [140]
    assert values(put(hall, other, groups=("carrier",), parents={"EM-02": "EM-05", "EM-05": "EM-01"})) == [None]
    assert values(put(hall, other)) == [100, 40]
    assert values(put(hall, other, groups=("plan",))) == [100, 40]


def test_a_year_beside_its_months_counts_once_and_a_longer_period_than_asked_for_not_at_all() -> None:
    months = [energy(number, {ELECTRICITY: "100"}, "months") for number in range(1, 13)]
    year = energy(1, {ELECTRICITY: "1200"}, "year", end=month(13))
    (figure,) = put(*months, year, bucket=Bucket.YEAR, groups=("carrier",))
    assert (figure.told.value, figure.plans) == (Decimal(1200), ("year",))
    assert [figure.plans for figure in put(*months, year, bucket=Bucket.MONTH)] == [("months",)] * 12


def test_the_peak_of_a_quarter_is_the_highest_of_its_months_with_its_time() -> None:
    rows = [energy(number, {ELECTRICITY: "100"}) for number in (1, 2, 3)]
    for row, kw in zip(rows, ("412.0", "455.6", "398.2"), strict=True):
        peak = {"value": kw, "unit": "kW", "start": row.start.isoformat()}
        row.details["demand"] = {"peak_demand": peak, "unconfirmed_peak": None}  # type: ignore[index]  # made here
    (figure,) = put(*rows, bucket=Bucket.QUARTER)
    told = figure.told.columns
    assert [told[name] for name in ("peak_demand", "peak_demand_unit", "peak_demand_at")] == [
        Decimal("455.6"), "kW", month(2).isoformat(),
    ]  # fmt: skip


def test_averages_are_not_averaged_and_masses_are_added_over_stacks() -> None:
    def stack(type_: str, number: int, scope: str, value: str, unit: str, details: Mapping[str, Any]) -> ViewRow:
        plan = f"{type_}-{scope}"
        return record(type_, number, value, unit, details=details, plan=plan, scope=scope, substance="NOx")

    average = {"substance": "NOx", "normalised": "200", "valid_blocks": 700}
    (figure,) = put(
        *(stack("air_emission", number, "stack-1", "200", "mg/Nm3", average) for number in (1, 2, 3)),
        view="air", bucket=Bucket.QUARTER,
    )  # fmt: skip
    assert (figure.told.value, figure.flags, figure.told.columns["valid_blocks"]) == (None, ("not_additive",), 2100)
    gas = {"concentration_unit": "mg/Nm3", "volume": "10", "flow_weighted": "100"}
    more = {"concentration_unit": "mg/Nm3", "volume": "20", "flow_weighted": "200"}
    masses = [
        stack("emission_mass", 1, "stack-1", "1", "kg", gas), stack("emission_mass", 1, "stack-2", "4", "kg", more),
        stack("emission_mass", 1, "outfall-1", "9", "kg", {"concentration_unit": "mg/L"}),
    ]  # fmt: skip
    (figure,) = put(*masses, view="air", groups=("pollutant",))
    assert (figure.told.value, figure.scope) == (Decimal(5), None)
    assert str(figure.told.columns["flow_weighted"]).startswith("166.6666")  # CR-31
    assert values(put(*masses, view="discharges")) == [9]


def test_water_is_reused_by_the_whole_of_a_quarter() -> None:
    def balance(number: int, withdrawal: str, reuse: str | None) -> ViewRow:
        details = {"withdrawal_m3": withdrawal, "discharge_m3": "10", "reuse_m3": reuse, "reuse_percent": None}
        return record("water_balance", number, "1", "m3", details=details)

    (figure,) = put(*(balance(*each) for each in ((1, "100", "10"), (2, "100", "30"), (3, "100", "60"))), view="water",
                    bucket=Bucket.QUARTER)  # fmt: skip
    assert [figure.told.columns[name] for name in ("withdrawal_m3", "consumption_m3", "reuse_percent")] == [300, 3, 25]
    (figure,) = put(balance(1, "100", "10"), balance(2, "100", None), balance(3, "100", "60"), view="water",
                    bucket=Bucket.QUARTER)  # fmt: skip
    assert [figure.told.columns[name] for name in ("withdrawal_m3", "reuse_m3", "reuse_percent")] == [300, None, None]


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from([ELECTRICITY, HEAT, ("EM-03.energy", "electricity")]),
            st.one_of(st.none(), st.decimals(min_value=-10_000, max_value=10_000, places=3).map(str)),
            min_size=1,
        ),
        min_size=3,
        max_size=3,
    )
)
def test_groups_add_up_to_the_whole_and_nothing_missing_becomes_a_number(
    months: list[dict[tuple[str, str], str | None]],
) -> None:
    rows = [energy(number, points) for number, points in enumerate(months, 1)]
    (whole,) = put(*rows, bucket=Bucket.QUARTER)
    groups = put(*rows, bucket=Bucket.QUARTER, groups=("carrier",))
    amounts = [kwh for points in months for kwh in points.values()]
    known = [Decimal(kwh) for kwh in amounts if kwh is not None]
    assert whole.told.value == (sum(known) if len(known) == len(amounts) else None)
    if whole.told.value is not None:
        assert sum(each.told.value or 0 for each in groups) == whole.told.value
    else:
        assert any(each.told.value is None for each in groups)
    partly = [each.told.value for each in put(*rows, bucket=Bucket.QUARTER, groups=("carrier",), partial=True)]
    assert sum(each for each in partly if each is not None) == sum(known)


def test_every_column_of_a_view_is_one_that_it_describes() -> None:
    kinds = {
        "energy": [ENERGY], "water": [WATER], "air": [AIR_AVERAGE, AIR_MASS], "discharges": [DISCHARGE, PH, WATER_MASS],
        "waste": [WASTE], "substances": [SUBSTANCE],
    }  # fmt: skip
    for name, own in kinds.items():
        described = set(columns_of(ITEMS[name])) - set(columns_of(ViewItem))
        made = {column for kind in own for column in (*kind.columns, kind.called) if column is not None}
        assert described <= made, name
        assert set(VIEWS[name].groups) <= described


def test_an_item_has_the_fields_of_its_model_in_their_order() -> None:
    (figure,) = put(energy(1, {ELECTRICITY: "100"}))
    item = view_item("energy", figure, month(2))
    assert isinstance(item, dict)
    assert list(item) == columns_of(ITEMS["energy"])
    assert ITEMS["energy"].model_validate(item).value == "100"
