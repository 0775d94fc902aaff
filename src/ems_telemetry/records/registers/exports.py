"""What other software calls the things that records are about: its locations, accounts and units."""

from enum import StrEnum
from typing import Annotated, Self, TypeAlias

from pydantic import Field, StringConstraints, model_validator

from ems_telemetry.model import Scope
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.registers.planning import PlanPeriod
from ems_telemetry.records.registers.register import Body, Register, Text, Word

EXPORT_MAPPING = "export_mapping"

Cell: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^=+\-@\x00-\x20\x7f][^\x00-\x1f\x7f]*$")
]
"""A word for a cell of a sheet, which no spreadsheet takes for a formula."""
Link: TypeAlias = Annotated[int, Field(ge=1, le=2**53)]


class EnviziAccount(Body):
    """An account of IBM Envizi, by the names of its template "Account Setup and Data Load"."""

    organization_link: Link
    organization: Cell
    location: Cell | None = Field(default=None, description="The location by its name; this or its reference.")
    location_ref: Cell | None = Field(default=None, description="The location by its reference.")
    account_style_link: Link
    account_style_caption: Cell
    account_subtype: Cell | None = None
    account_number: Cell
    account_reference: Cell | None = None
    account_supplier: Cell | None = None
    account_reader: Cell | None = None
    quantity_column: Cell = Field(default="Quantity", description="The column of the account style that the value goes into.")

    @model_validator(mode="after")
    def _names_a_location(self) -> Self:
        if self.location is None and self.location_ref is None:
            raise ValueError("names no location; say `location` or `location_ref`")
        return self


class MsmActivity(Body):
    """An activity of Microsoft Sustainability Manager."""

    organizational_unit: Cell
    facility: Cell | None = None
    quantity_unit: Cell = Field(description="What it calls the unit.", examples=["kWh"])
    contractual_instrument_type: Cell | None = None


class ExportMappingBody(Body):
    """What records of one kind are called elsewhere; only mapped records are exported to it."""

    type: RecordType = RecordType.PERIOD_TOTAL
    scope: Word = Field(description="What the records are about.", examples=["EM-01.energy_import"])
    period: PlanPeriod = Field(
        default=PlanPeriod.MONTH, description="Those of this period alone, so that nothing counts twice."
    )
    unit: Word = Field(description="The unit that is expected; a record in another one is left out.", examples=["kWh"])
    envizi: EnviziAccount | None = None
    msm: MsmActivity | None = None
    note: Text | None = None

    @model_validator(mode="after")
    def _maps_to_something(self) -> Self:
        if self.envizi is None and self.msm is None:
            raise ValueError("maps to nothing; say `envizi`, `msm` or both")
        return self


class ExportProfile(StrEnum):
    """For whom a file is."""

    ENVIZI = "envizi"
    MSM = "msm"
    CSV = "csv"


REGISTERS = (
    Register(
        kind=EXPORT_MAPPING,
        path="export-mappings",
        title="What other software calls the things that records are about.",
        body=ExportMappingBody,
        example=ExportMappingBody(
            scope="EM-01.energy_import",
            unit="kWh",
            envizi=EnviziAccount(
                organization_link=17000123, organization="Example Group", location_ref="BER1", account_style_link=14445,
                account_style_caption="Electricity - kWh", account_number="BER1-EM-01",
            ),
            msm=MsmActivity(organizational_unit="Example Group", facility="Berlin works", quantity_unit="kWh"),
        ),
        scopes=(Scope.METHODS, Scope.ADMIN),
        needs_site=True,
    ),
)  # fmt: skip
