"""The facts that travel with the product fit the rules, and give the figures of their regulations."""

import re
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from ems_telemetry.config.document import read_document
from ems_telemetry.rules.arithmetic import digits
from ems_telemetry.rules.factors import Factor, FactorKey, Source, emission_of, factors_in_force
from ems_telemetry.rules.ghg import CO2, GasLine, GwpSet, inventory_of
from ems_telemetry.rules.retention import Kept, RetentionClass, kept_until
from ems_telemetry.shipped import shipped

pytestmark = pytest.mark.unit


def data(name: str) -> dict[str, Any]:
    return dict(read_document(shipped("config") / name, {}).data)


def source_of(entry: dict[str, Any]) -> Source:
    return Source(**entry["source"])


def factor_of(entry: dict[str, Any]) -> Factor:
    valid_to = entry["valid_to"]
    return Factor(
        id=entry["id"],
        revision=1,
        activity=entry["activity"],
        region=entry["region"],
        gas=entry["gas"],
        value=Decimal(entry["value"]),
        unit=entry["unit"],
        valid_from=datetime.fromisoformat(entry["valid_from"]),
        valid_to=None if valid_to is None else datetime.fromisoformat(valid_to),
        source=source_of(entry),
    )


FACTORS = [factor_of(entry) for entry in data("factors.yaml")["factors"]]
GWP_SETS = {
    entry["name"]: GwpSet(entry["name"], {gas: Decimal(value) for gas, value in entry["values"].items()}, source_of(entry))
    for entry in data("factors.yaml")["gwp_sets"]
}
CLASSES = [RetentionClass(entry["name"], entry["years"], source_of(entry)) for entry in data("retention.yaml")["classes"]]
SOURCES = [
    *(factor.source for factor in FACTORS),
    *(each.source for each in GWP_SETS.values()),
    *(each.source for each in CLASSES),
]
YEAR_2026 = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(("name", "co2e_t"), [("AR4", "53.1148"), ("AR5", "53.1145"), ("AR6", "53.1143")])
def test_cr_44_by_the_shipped_factors_and_potentials(name: str, co2e_t: str) -> None:
    lines = []
    for gas in ("CO2", "CH4", "N2O"):
        emission = emission_of(Decimal(1000), "MMBtu", FactorKey("natural_gas", "US", gas), YEAR_2026, FACTORS)
        assert emission.unit == "kg"
        lines.append(GasLine("boiler", gas, emission.value / 1000, GWP_SETS[name]))
    assert inventory_of(lines).co2e_t == Decimal(co2e_t)


def test_cr_44_mrr_form_by_the_shipped_factor() -> None:
    emission = emission_of(Decimal(36), "TJ", FactorKey("natural_gas", "EU", "CO2"), YEAR_2026, FACTORS)
    assert (digits(emission.value), emission.unit) == ("2019.6", "t")


def test_each_key_has_one_factor_in_force() -> None:
    assert len({factor.id for factor in FACTORS}) == len(FACTORS)
    for factor in FACTORS:
        assert [stretch.factor for stretch in factors_in_force(FACTORS, factor.key, *YEAR_2026)] == [factor]


def test_each_american_fuel_has_its_three_gases() -> None:
    fuels = Counter(factor.activity for factor in FACTORS if factor.region == "US")
    assert set(fuels.values()) == {3}
    assert len(fuels) == 4


def test_every_fact_says_where_it_is_printed() -> None:
    assert all(all(source) for source in SOURCES)
    assert not [source for source in SOURCES if re.search(r"https?:|www\.", "".join(source))]


def test_values_are_written_as_text_so_that_no_digit_is_lost() -> None:
    written = [entry["value"] for entry in data("factors.yaml")["factors"]]
    written += [value for entry in data("factors.yaml")["gwp_sets"] for value in entry["values"].values()]
    assert all(isinstance(value, str) for value in written)


def test_carbon_dioxide_is_the_measure_of_every_set() -> None:
    assert {each.of(CO2) for each in GWP_SETS.values()} == {Decimal(1)}
    assert "SF6" not in GWP_SETS["AR6"].values


def test_classes_outlast_what_their_rules_count_from_the_report() -> None:
    by_name = {each.name: each for each in CLASSES}
    assert len(by_name) == len(CLASSES)
    january, report_due = date(2026, 1, 31), date(2027, 3, 31)
    for name, years in (("ghg_part_98", 3), ("ghg_part_98_verification_software", 5)):
        assert kept_until(Kept("raw", january, by_name[name])) >= report_due.replace(year=report_due.year + years)
    assert kept_until(Kept("raw", date(2026, 5, 31), by_name["eu_ets"])) == date(2036, 5, 31)
