"""What people enter by hand or from other systems: samples of laboratories, movements of waste, substances and their stock."""

from collections.abc import Callable, Sequence
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Self, TypeAlias, TypeVar

from pydantic import AfterValidator, Field, model_validator

from ems_telemetry.errors import CannotComputeError
from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Dated, Day, Moment, Number, Register, Sha256, Word
from ems_telemetry.rules.masses import KG_PER_UNIT, Mass, kilograms
from ems_telemetry.rules.substances import cas_number
from ems_telemetry.rules.waste import net_kg, operation, waste_code

ReadT = TypeVar("ReadT")
HAZARDOUS_PROPERTIES = 15
FIRST_ZONE = timezone(timedelta(hours=14))
_AMBIGUOUS = ("t", "short_ton", "long_ton")


def _in_words(rule: Callable[[str], ReadT]) -> Callable[[str], str]:
    """Lets a rule read a text, and say in the words of the register what is wrong with it."""

    def read(text: str) -> str:
        try:
            return str(rule(text))
        except CannotComputeError as error:
            raise ValueError(str(error)) from error

    return read


def _unit_of_mass(unit: str) -> str:
    if unit in KG_PER_UNIT:
        return unit
    if unit.casefold() in {"ton", "tons", "tonne", "tonnes"}:
        raise ValueError(f'"{unit}" may mean several; say one of {", ".join(_AMBIGUOUS)}: 1000 kg, 2000 lb or 2240 lb')
    raise ValueError(f'"{unit}" is no unit of mass here; say one of {", ".join(KG_PER_UNIT)}')


def _hazardous_property(code: str) -> str:
    if code not in {f"HP{number}" for number in range(1, HAZARDOUS_PROPERTIES + 1)}:
        raise ValueError(f'"{code}" is no hazardous property; say HP1 to HP{HAZARDOUS_PROPERTIES}')
    return code


WasteCodeText: TypeAlias = Annotated[Word, AfterValidator(_in_words(waste_code))]
OperationText: TypeAlias = Annotated[Word, AfterValidator(_in_words(operation))]
CasText: TypeAlias = Annotated[Word, AfterValidator(_in_words(cas_number))]
HazardText: TypeAlias = Annotated[Word, AfterValidator(_hazardous_property)]
"""HP1 to HP15, Regulation (EU) 1357/2014."""


class MassBody(Body):
    """A mass in the unit it was told in."""

    value: Annotated[Number, Field(ge=0)] = Field(examples=["6320"])
    unit: Annotated[Word, AfterValidator(_unit_of_mass)] = Field(
        description=f"One of {', '.join(KG_PER_UNIT)}.", examples=["kg"]
    )

    @property
    def mass(self) -> Mass:
        """The same for the rules."""
        return Mass(self.value, self.unit)


class SampleQualifier(StrEnum):
    """What a result is where it is no value."""

    EXACT = "="
    LESS = "<"
    NOT_DETECTED = "ND"
    NOT_QUANTIFIED = "DNQ"


class SampleBody(Body):
    """A result of a laboratory or of a hand-held instrument."""

    taken_at: Moment = Field(examples=["2026-03-02T08:30:00+01:00"])
    taken_by: Word = Field(description="Who took it.", examples=["M. Schulz"])
    place: Word = Field(description="Outfall, stack or well.", examples=["outfall-1"])
    parameter: Word = Field(description="What was looked for, as plan items name it.", examples=["COD"])
    method: Word = Field(description="By which method.", examples=["DIN 38409-41"])
    sample_type: Word | None = Field(default=None, description="Grab, composite or flow-proportional.")
    analysed_at: Moment | None = None
    analysed_by: Word | None = None
    lab: Word | None = Field(default=None, examples=["Labor Nord, D-PL-0000"])
    value: Annotated[Number, Field(ge=0)] | None = Field(
        default=None, description="In `unit`. With `<` what it is less than; of `ND` none.", examples=["42.5"]
    )
    unit: Word = Field(examples=["mg/L"])
    qualifier: SampleQualifier = Field(
        default=SampleQualifier.EXACT,
        description="`=`, `<`, `ND` (not detected), or `DNQ` (detected, not quantified; a `value` is an estimate).",
    )
    lod: Annotated[Number, Field(gt=0)] | None = Field(default=None, description="Detection limit, in `unit`.")
    loq: Annotated[Number, Field(gt=0)] | None = Field(default=None, description="Quantification limit, in `unit`.")
    retention_class: Word = Field(default="ems_record", description="A class of `config/retention.yaml`: how long it is kept.")
    evidence_sha256: Sha256 | None = Field(default=None, description="SHA-256 of the laboratory's report.")

    @model_validator(mode="after")
    def _says_what_was_found(self) -> Self:
        qualifier = self.qualifier
        if qualifier in {SampleQualifier.EXACT, SampleQualifier.LESS} and self.value is None:
            raise ValueError(f'a result with the qualifier "{qualifier}" needs a `value`; say ND where nothing was found')
        if qualifier is SampleQualifier.NOT_DETECTED and self.value is not None:
            raise ValueError("of what was not detected there is no `value`; say the detection limit as `lod`")
        if qualifier is SampleQualifier.NOT_DETECTED and self.lod is None:
            raise ValueError("of what was not detected the detection limit `lod` must be known")
        if self.lod is not None and self.loq is not None and self.lod > self.loq:
            raise ValueError("`lod` is greater than `loq`; are they exchanged?")
        if self.analysed_at is not None and self.analysed_at < self.taken_at:
            raise ValueError("`analysed_at` is before `taken_at`")
        return self


class WasteMovementBody(Body):
    """Waste that is stored, and leaves the site. State it when storage begins, and a revision with the rest when it leaves."""

    code: WasteCodeText = Field(description="List of Waste, with * where hazardous.", examples=["15 02 02*"])
    hazardous: bool | None = Field(default=None, description="As the asterisk of the code says; another word is refused.")
    hp: Sequence[HazardText] = Field(default=(), description="Hazardous properties.", examples=[["HP14"]])
    gross: MassBody | None = Field(default=None, description="With the vehicle or container.")
    tare: MassBody | None = Field(default=None, description="The vehicle or container alone.")
    net: MassBody | None = Field(default=None, description="What was moved; gross - tare where both are told.")
    operation: OperationText | None = Field(
        default=None, description="What becomes of it, R1 to R13 or D1 to D15.", examples=["R1"]
    )
    carrier: Word | None = None
    receiver: Word | None = None
    manifest: Word | None = Field(default=None, description="Number of the consignment note or manifest.")
    stored_since: Day | None = Field(default=None, description="The day its storage began.", examples=["2026-01-10"])
    moved_at: Moment | None = Field(default=None, description="When it left; null while it is in store.")
    evidence_sha256: Sha256 | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        marked = self.code.endswith("*")
        if self.hazardous is not None and self.hazardous is not marked:
            raise ValueError(
                f"code {self.code} is {'' if marked else 'not '}hazardous by its asterisk, and `hazardous` says otherwise; "
                f"which entry of the list is meant?"
            )
        if self.hp and not marked:
            raise ValueError(f"code {self.code} is not hazardous and has no HP codes; add the * or leave them out")
        self._check_net()
        if self.moved_at is None and self.stored_since is None:
            raise ValueError("say `moved_at`, or `stored_since` where it is still in store")
        if self.moved_at is not None and self.operation is None:
            raise ValueError("what left the site has an `operation`, R1 to R13 or D1 to D15")
        if self.moved_at is not None and self.kilograms is None:
            raise ValueError("what left the site has a `net` weight, or `gross` and `tare`")
        return self

    @property
    def kilograms(self) -> Decimal | None:
        """What was moved, kg; None where it was not weighed yet."""
        if self.gross is not None and self.tare is not None:
            return net_kg(self.gross.mass, self.tare.mass)
        return None if self.net is None else kilograms(self.net.mass)

    def _check_net(self) -> None:
        if (self.gross is None) is not (self.tare is None):
            raise ValueError("`gross` and `tare` go together; give both, or `net` alone")
        if self.gross is None or self.tare is None:
            return
        try:
            weighed = net_kg(self.gross.mass, self.tare.mass)
        except CannotComputeError as error:
            raise ValueError(str(error)) from error
        if self.net is not None and kilograms(self.net.mass) != weighed:
            raise ValueError(
                f"`net` is not gross - tare, which is {weighed.normalize():f} kg; leave it out, or correct the three"
            )


class SubstanceBody(Body):
    """A hazardous substance at a place on the site."""

    name: Word = Field(examples=["Acetone"])
    cas: CasText | None = Field(default=None, description="CAS number; of mixtures none.", examples=["67-64-1"])
    sds_revision: Word | None = Field(default=None, description="Revision of the safety data sheet.", examples=["5.1"])
    sds_date: Day | None = None
    location: Word = Field(description="Where it is stored.", examples=["hall-1, cabinet 4"])
    max_quantity: MassBody | None = Field(default=None, description="The most that may be stored there.")


class StockChange(StrEnum):
    """What a movement of a substance is."""

    IN = "in"
    OUT = "out"
    USE = "use"
    STOCK_TAKING = "stock-taking"


class SubstanceMovementBody(Body):
    """What came, went, was used, or was found in stock."""

    at: Moment = Field(examples=["2026-03-02T08:30:00+01:00"])
    substance: Word = Field(description="Its `id` among `/substances`.", examples=["acetone-hall-1"])
    change: StockChange = Field(description="`stock-taking`: `quantity` is what was found then.")
    quantity: MassBody
    document: Word | None = Field(default=None, description="Delivery note or order.")
    evidence_sha256: Sha256 | None = None


def _sampled(body: SampleBody) -> tuple[datetime, None]:
    return body.taken_at, None


def _in_store(body: WasteMovementBody) -> tuple[datetime, datetime | None]:
    """Gives from when until when a lot is on the site; its day of storage begins somewhere on Earth."""
    left = None if body.moved_at is None else body.moved_at + timedelta.resolution
    begun = [] if body.stored_since is None else [datetime.combine(body.stored_since, time(), FIRST_ZONE)]
    moved = [] if body.moved_at is None else [body.moved_at]
    return min([*begun, *moved]), left


def _changed(body: SubstanceMovementBody) -> tuple[datetime, None]:
    return body.at, None


_WHO = (Scope.INGEST,)

REGISTERS = (
    Register(
        kind="sample",
        path="samples",
        title="Results of laboratories and of hand-held instruments.",
        body=SampleBody,
        example=SampleBody.model_validate(
            {
                "taken_at": "2026-03-02T07:30:00Z", "taken_by": "M. Schulz", "place": "outfall-1", "parameter": "COD",
                "method": "DIN 38409-41", "value": "42.5", "unit": "mg/L", "lod": "5", "loq": "15",
            }
        ),
        scopes=_WHO,
        dated=Dated.MOMENT,
        needs_site=True,
        span_of=_sampled,
    ),
    Register(
        kind="waste_movement",
        path="waste-movements",
        title="Waste that is stored and leaves the site, with its code, weight and way.",
        body=WasteMovementBody,
        example=WasteMovementBody.model_validate(
            {
                "code": "15 02 02*", "hp": ["HP14"], "gross": {"value": "18460", "unit": "kg"},
                "tare": {"value": "12140", "unit": "kg"}, "operation": "R1", "carrier": "Spedition Nord", "manifest": "DE-4711",
                "stored_since": "2026-01-10", "moved_at": "2026-03-02T07:30:00Z",
            }
        ),
        scopes=_WHO,
        needs_site=True,
        span_of=_in_store,
    ),
    Register(
        kind="substance",
        path="substances",
        title="Hazardous substances, where they are stored, and how much may be.",
        body=SubstanceBody,
        example=SubstanceBody.model_validate(
            {
                "name": "Acetone", "cas": "67-64-1", "sds_revision": "5.1", "location": "hall-1, cabinet 4",
                "max_quantity": {"value": "2", "unit": "t"},
            }
        ),
        scopes=_WHO,
        needs_site=True,
    ),
    Register(
        kind="substance_movement",
        path="substance-movements",
        title="What came of a substance, went, was used, or was found in stock.",
        body=SubstanceMovementBody,
        example=SubstanceMovementBody.model_validate(
            {
                "at": "2026-03-02T07:30:00Z", "substance": "acetone-hall-1", "change": "in",
                "quantity": {"value": "800", "unit": "kg"},
            }
        ),
        scopes=_WHO,
        dated=Dated.MOMENT,
        needs_site=True,
        span_of=_changed,
    ),
)  # fmt: skip
