"""What greenhouse gases are computed by: emission factors, warming potentials, contracts electricity is bought under."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Self, TypeAlias

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Dated, Number, Register, Sha256, Text, Word
from ems_telemetry.rules.factors import Source

Gas: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$")]


class SourceBody(Body):
    """Where a fact is printed."""

    document: Text = Field(examples=["40 CFR 98, subpart C"])
    edition: Text = Field(examples=["78 FR 71904 of 29 November 2013"])
    table: Text = Field(examples=["C-1"])
    reference: Text = Field(description="What in it, and what else is to be known.", examples=["natural gas"])


class FactorBody(Body):
    """What an activity emits of one gas. At each moment one factor at most is in force for an activity, region and gas."""

    activity: Word = Field(description="What is done, as plan items name it.", examples=["natural_gas"])
    region: Word = Field(description="Where it is done, as plan items name it.", examples=["US"])
    gas: Gas = Field(description="`CO2`, `CH4`, `N2O`, `CO2_biogenic`, …; `CO2e` for the sum of all.", examples=["CO2"])
    value: Annotated[Number, Field(ge=0)] = Field(description="In `unit`.", examples=["53.06"])
    unit: Annotated[str, StringConstraints(pattern=r"^[^/\s]+/[^/\s]+$")] = Field(
        description="A mass by a unit of the activity.", examples=["kg/MMBtu"]
    )
    gwp_set: Word | None = Field(default=None, description="Of `CO2e`: the potentials it was computed by.", examples=["AR5"])
    source: SourceBody


class GwpSetBody(Body):
    """Global warming potentials over 100 years, as one edition prints them."""

    name: Word = Field(examples=["AR5"])
    values: Mapping[Gas, Number] = Field(
        min_length=1, description="By gas.", examples=[{"CO2": "1", "CH4": "28", "N2O": "265"}]
    )
    source: SourceBody


class InstrumentKind(StrEnum):
    """What a contract is, in the order of the hierarchy of the market-based figure."""

    CERTIFICATE = "certificate"
    CONTRACT = "contract"
    SUPPLIER = "supplier"


class ContractBody(Body):
    """A contractual instrument, and the consumption `[applies_from, applies_to)` it is used for."""

    origin: InstrumentKind
    volume_mwh: Annotated[Number, Field(gt=0)] = Field(description="How much it covers, MWh.", examples=["5000"])
    t_per_mwh: Annotated[Number, Field(ge=0)] = Field(description="Its factor, t CO2e/MWh.", examples=["0"])
    market: Word = Field(description="Where it counts, as plan items name it.", examples=["DE"])
    vintage_from: AwareDatetime = Field(description="When the electricity was made.", examples=["2026-01-01T00:00:00+01:00"])
    vintage_to: AwareDatetime = Field(examples=["2027-01-01T00:00:00+01:00"])
    retired_at: AwareDatetime | None = Field(
        default=None, description="When it was cancelled for the consumer; certificates and contracts count only then."
    )
    applies_from: AwareDatetime = Field(description="Of which time the consumption is.", examples=["2026-01-01T00:00:00+01:00"])
    applies_to: AwareDatetime = Field(examples=["2027-01-01T00:00:00+01:00"])
    plan: Word | None = Field(default=None, description="The one plan item it counts for, where a site has several.")
    reference: Text | None = Field(default=None, description="Registry and numbers, or the contract.")
    evidence_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _begin_before_they_end(self) -> Self:
        for what in ("vintage", "applies"):
            if getattr(self, f"{what}_from") >= getattr(self, f"{what}_to"):
                raise ValueError(f"`{what}_from` is not before `{what}_to`; nothing lies between them")
        return self


def source_of(body: Mapping[str, Mapping[str, str]]) -> Source:
    """Reads the source of a kept body."""
    return Source(**body["source"])


def _applies(body: ContractBody) -> tuple[datetime, datetime]:
    return body.applies_from, body.applies_to


_SUBPART_C = SourceBody(
    document="40 CFR 98, subpart C", edition="78 FR 71904 of 29 November 2013", table="C-1", reference="natural gas"
)
_AR5 = SourceBody(
    document="IPCC Fifth Assessment Report, Working Group I", edition="2013", table="8.A.1", reference="without feedbacks"
)

REGISTERS = (
    Register(
        kind="factor",
        path="factors",
        title="Emission factors with their source; what changes ends, and another begins.",
        body=FactorBody,
        example=FactorBody.model_validate(
            {
                "activity": "natural_gas", "region": "US", "gas": "CO2", "value": "53.06", "unit": "kg/MMBtu",
                "source": _SUBPART_C,
            }
        ),
        scopes=(Scope.METHODS,),
        needs_approval=True,
    ),
    Register(
        kind="gwp_set",
        path="gwp-sets",
        title="Sets of global warming potentials; an inventory uses one.",
        body=GwpSetBody,
        example=GwpSetBody.model_validate(
            {"name": "AR5", "values": {"CO2": "1", "CH4": "28", "N2O": "265"}, "source": _AR5}
        ),
        scopes=(Scope.METHODS,),
        needs_approval=True,
    ),
    Register(
        kind="contract",
        path="contracts",
        title="Certificates, contracts and suppliers' rates that electricity is bought under.",
        body=ContractBody,
        example=ContractBody.model_validate(
            {
                "origin": "certificate", "volume_mwh": "5000", "t_per_mwh": "0", "market": "DE",
                "vintage_from": "2026-01-01T00:00:00Z", "vintage_to": "2027-01-01T00:00:00Z",
                "retired_at": "2027-02-01T00:00:00Z", "applies_from": "2025-12-31T23:00:00Z",
                "applies_to": "2026-12-31T23:00:00Z",
            }
        ),
        scopes=(Scope.METHODS,),
        dated=Dated.MOMENT,
        needs_approval=True,
        needs_site=True,
        span_of=_applies,
    ),
)  # fmt: skip
