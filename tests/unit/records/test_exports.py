"""Records as files of other software, against files that were checked by hand."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import ValidationError

from ems_telemetry.records.exporting.tables import COLUMNS, Export, Omission, make_export
from ems_telemetry.records.registers.exports import EnviziAccount, ExportMappingBody, ExportProfile, MsmActivity
from ems_telemetry.storage.records import RecordRow

GOLDEN = Path(__file__).parent / "golden"
FEBRUARY = datetime(2026, 1, 31, 23, tzinfo=UTC)
MARCH = datetime(2026, 2, 28, 23, tzinfo=UTC)
APRIL = datetime(2026, 3, 31, 22, tzinfo=UTC)
ENERGY, GAS = "EM-01.energy_import", "GM-01.volume"


def record(number: int, **other: Any) -> RecordRow:  # noqa: ANN401  # fields of a record
    plain = RecordRow(
        id=UUID(int=number), revision=1, seq=100 + number, type="period_total", status="final", site="BER1", scope=ENERGY,
        plan=f"total/{ENERGY}/1mo", period="1mo", period_start=MARCH, period_end=APRIL, quantity="active_energy_import",
        value=Decimal(71500), unit="kWh", quality="good", coverage=Decimal(100), measured=Decimal(100), estimated=Decimal(0),
        flags=(), method="period_total@1", retention_class="records_10y", computed_at=APRIL, snapshot="5d",
        envelope={"tz": "Europe/Berlin"}, hash="ab12",
    )  # fmt: skip
    return plain._replace(**other)


RECORDS = [
    record(1, period_start=FEBRUARY, period_end=MARCH, value=Decimal("68000.25")),
    record(2),
    record(3, scope=GAS, value=Decimal("-12.123456789"), unit="Nm3", quality="estimated", flags=("estimated", "corrected"),
           revision=2, status="amended", quantity="gas_volume", estimated=Decimal("2.78"), measured=Decimal("97.22")),
    record(4, value=None, quality="missing", coverage=None, measured=None, estimated=None),
    record(5, status="voided", revision=3),
    record(6, scope="EM-02.energy_import"),
    record(7, unit="MWh"),
]  # fmt: skip
MAPPINGS = [
    ExportMappingBody(
        scope=ENERGY, unit="kWh",
        envizi=EnviziAccount(
            organization_link=17000123, organization="Example Group, Ltd", location_ref="BER1", account_style_link=14445,
            account_style_caption="Electricity - kWh", account_number="BER1-EM-01", account_supplier="Grid",
        ),
        msm=MsmActivity(
            organizational_unit="Example Group, Ltd", facility="Berlin works", quantity_unit="kWh",
            contractual_instrument_type="Grid average",
        ),
    ),
    ExportMappingBody(
        scope=GAS, unit="Nm3",
        envizi=EnviziAccount(
            organization_link=17000123, organization="Example Group, Ltd", location="Berlin works", account_style_link=14446,
            account_style_caption="Natural Gas - m3", account_number="BER1-GM-01", quantity_column="Total m3",
        ),
        msm=MsmActivity(organizational_unit="Example Group, Ltd", quantity_unit="Normal cubic meter"),
    ),
]  # fmt: skip


def mapped(row: RecordRow) -> Sequence[ExportMappingBody]:
    return [each for each in MAPPINGS if each.scope == row.scope]


def export(profile: ExportProfile) -> Export:
    return make_export(profile, RECORDS, mapped)


@pytest.mark.parametrize("profile", list(ExportProfile))
def test_a_file_is_as_it_was_checked_by_hand(profile: ExportProfile) -> None:
    assert export(profile).text() == (GOLDEN / f"{profile}.csv").read_text().replace("\n", "\r\n")


@pytest.mark.parametrize(
    ("profile", "told"),
    [
        (ExportProfile.ENVIZI, "4; void=1, no_value=1, unmapped=1, other_unit=1"),
        (ExportProfile.MSM, "4; void=1, no_value=1, unmapped=1, other_unit=1"),
        (ExportProfile.CSV, "2; void=1, no_value=1"),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(profile: ExportProfile, told: str) -> None:
    made = export(profile)
    assert made.omissions() == told
    assert len(made.rows) + sum(made.omitted.values()) == len(RECORDS)


@pytest.mark.parametrize("profile", list(ExportProfile))
def test_what_is_missing_is_never_a_zero(profile: ExportProfile) -> None:
    made = make_export(profile, [record(4, value=None, quality="missing")], mapped)
    assert (made.rows, made.omitted) == ([], {Omission.NO_VALUE: 1})
    zero = make_export(profile, [record(4, value=Decimal(0))], mapped)
    assert "0" in zero.rows[0].values()


@pytest.mark.parametrize("quality", ["uncertain", "estimated"])
def test_only_what_was_measured_as_it_should_be_is_actual_and_the_quality_is_never_blank(quality: str) -> None:
    for profile, column in ((ExportProfile.ENVIZI, "Record Data Quality"), (ExportProfile.MSM, "Data quality type")):
        made = make_export(profile, [record(1), record(2, quality=quality)], mapped)
        assert [row[column] for row in made.rows] == ["Actual", "Estimated"]


def test_the_last_day_is_within_the_period_also_where_the_clock_is_put_forward_in_it() -> None:
    (row,) = make_export(ExportProfile.ENVIZI, [record(1)], mapped).rows
    assert (row["Record Start YYYY-MM-DD"], row["Record End YYYY-MM-DD"]) == ("2026-03-01", "2026-03-31")
    day = record(1, period_start=datetime(2026, 3, 28, 23, tzinfo=UTC), period_end=datetime(2026, 3, 29, 22, tzinfo=UTC))
    (row,) = make_export(ExportProfile.MSM, [day], mapped).rows
    assert (row["Consumption start date"], row["Consumption end date"]) == ("2026-03-29", "2026-03-29")


def test_what_two_mappings_name_is_exported_by_none() -> None:
    made = make_export(ExportProfile.MSM, [record(1)], lambda _row: [MAPPINGS[0], MAPPINGS[0]])
    assert (made.rows, made.omitted) == ([], {Omission.MAPPED_TWICE: 1})


def test_a_file_of_one_account_style_leaves_the_others_out_and_says_so() -> None:
    made = make_export(ExportProfile.ENVIZI, RECORDS, mapped, 14446)
    assert [row["Account Number"] for row in made.rows] == ["BER1-GM-01"]
    assert made.omissions() == "6; void=1, no_value=1, unmapped=1, other_unit=1, other_style=2"
    assert "Quantity" not in made.text()


def test_an_amended_record_keeps_its_name_and_gets_another_correlation_id() -> None:
    made = make_export(ExportProfile.MSM, [record(1), record(1, revision=2, status="amended")], mapped)
    assert len({row["Name"] for row in made.rows}) == 1
    assert len({row["Origin correlation ID"] for row in made.rows}) == 2


def test_no_cell_is_a_formula() -> None:
    (row,) = make_export(ExportProfile.CSV, [record(1, scope="=1+1", value=Decimal(-3))], mapped).rows
    assert (row["scope"], row["value"]) == ("'=1+1", "-3")
    for word in ("=1+1", "+x", "-x", "@x", " x", "\tx"):
        with pytest.raises(ValidationError):
            MsmActivity(organizational_unit=word, quantity_unit="kWh")


def test_a_mapping_says_where_and_for_whom() -> None:
    with pytest.raises(ValidationError, match="maps to nothing"):
        ExportMappingBody(scope=ENERGY, unit="kWh")
    with pytest.raises(ValidationError, match="names no location"):
        EnviziAccount(
            organization_link=1, organization="x", account_style_link=2, account_style_caption="y", account_number="z"
        )


def test_columns_are_told_once() -> None:
    for profile in ExportProfile:
        assert len(set(COLUMNS[profile])) == len(COLUMNS[profile])
