"""The types of record, what each serves, and the states of a record."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple


class RecordType(StrEnum):
    """What a record is about; the names are public and stay."""

    PERIOD_TOTAL = "period_total"
    ENERGY = "energy"
    WATER_BALANCE = "water_balance"
    AIR_EMISSION = "air_emission"
    EMISSION_MASS = "emission_mass"
    DISCHARGE = "discharge"
    GHG_LINE = "ghg_line"
    WASTE_SUMMARY = "waste_summary"
    SUBSTANCE_BALANCE = "substance_balance"
    COMPLIANCE_EVALUATION = "compliance_evaluation"
    COMPLETENESS = "completeness"
    ASPECT_MAGNITUDE = "aspect_magnitude"
    OPERATIONAL_CONTROL = "operational_control"
    METER_BALANCE = "meter_balance"
    DATA_GAPS = "data_gaps"


class RecordStatus(StrEnum):
    """How far a record stands. A preliminary one is computed when it is asked for and kept nowhere."""

    PRELIMINARY = "preliminary"
    FINAL = "final"
    AMENDED = "amended"
    VOIDED = "voided"


class RecordQuality(StrEnum):
    """How far the figure can be trusted."""

    GOOD = "good"
    UNCERTAIN = "uncertain"
    ESTIMATED = "estimated"
    """A part of it was spread over a gap, or substituted."""
    MISSING = "missing"
    """There is no figure."""


class Clause(NamedTuple):
    """A clause of a standard that the record supports, with the edition its number is from."""

    standard: str
    edition: str
    clause: str


def iso_14001(*clauses: str) -> Sequence[Clause]:
    """Gives clauses in both editions that are in use during the transition."""
    return [Clause("ISO 14001", edition, clause) for edition in ("2015", "2026") for clause in clauses]


CLAUSES: Final[Mapping[RecordType, Sequence[Clause]]] = {
    RecordType.PERIOD_TOTAL: iso_14001("6.1.2", "9.1.1"),
    RecordType.ENERGY: [*iso_14001("9.1.1"), Clause("ISO 50001", "2018", "6.3"), Clause("ISO 50001", "2018", "6.6")],
    RecordType.WATER_BALANCE: iso_14001("9.1.1"),
    RecordType.AIR_EMISSION: iso_14001("8.1", "9.1.1"),
    RecordType.EMISSION_MASS: iso_14001("9.1.1"),
    RecordType.DISCHARGE: iso_14001("9.1.1", "9.1.2"),
    RecordType.GHG_LINE: [*iso_14001("4.1", "9.1.1"), Clause("ISO 14064-1", "2018", "5")],
    RecordType.WASTE_SUMMARY: iso_14001("8.1", "9.1.1"),
    RecordType.SUBSTANCE_BALANCE: iso_14001("8.1", "8.2"),
    RecordType.COMPLIANCE_EVALUATION: iso_14001("9.1.2"),
    RecordType.COMPLETENESS: iso_14001("9.1.1"),
    RecordType.ASPECT_MAGNITUDE: iso_14001("6.1.2"),
    RecordType.OPERATIONAL_CONTROL: iso_14001("8.1"),
    RecordType.METER_BALANCE: iso_14001("9.1.1"),
    RecordType.DATA_GAPS: [
        *iso_14001("9.1.1"),
        Clause("Regulation (EU) 2018/2066", "2018", "66"),
        Clause("40 CFR 98", "2024", "98.3(g)"),
    ],
}
"""What each type of record supports; none of it makes anybody compliant."""
