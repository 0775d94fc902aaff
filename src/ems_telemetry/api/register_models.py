"""What operations of registers take and give: one form for all kinds, with the body of each."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, create_model

from ems_telemetry.api.meter_events import Text
from ems_telemetry.api.parameters import Name, PageQuery, Time
from ems_telemetry.records.facts.entries import EntryStatus
from ems_telemetry.records.registering.statements import ENTRY_ID
from ems_telemetry.records.registers import Dated, Register

EntryId: TypeAlias = Annotated[str, StringConstraints(pattern=ENTRY_ID)]


class FactsQuery(PageQuery):
    """The filters that facts of all kinds have."""

    site: Name | None = Field(default=None, description="Only what belongs to this site, or to all of them.")
    at: Time | None = Field(default=None, description="Only what is in force then, in the revision in force then.")
    from_: Time | None = Field(default=None, alias="from", description="Only what speaks of this time or later.")
    to: Time | None = Field(default=None, description="Only what speaks of a time before this.")
    as_of: Time | None = Field(default=None, description="As it was known then.")


class EntriesQuery(FactsQuery):
    """The filters of facts."""

    status: EntryStatus | None = Field(default=None, description="Only revisions of which this became.")


class OneQuery(BaseModel):
    """How one fact is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Time | None = Field(default=None, description="As it was known then.")
    at: Time | None = Field(default=None, description="The revision in force then.")


class Decision(BaseModel):
    """Why something is approved, rejected or declared void."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Text = Field(examples=["checked against the certificate"])


class Decided(BaseModel):
    """A decision about a revision."""

    decision: str = Field(description="`approved`, `rejected` or `voided`.")
    actor: str = Field(description="Whose it was.")


def entry_model(register: Register) -> type[BaseModel]:
    """Describes a fact as it is kept."""
    name = "".join(part.title() for part in register.kind.split("_"))
    return create_model(
        name,
        __doc__=register.title,
        kind=(str, Field(description="The register.", examples=[register.kind])),
        id=(str, Field(description="Its name; stays through all revisions.")),
        revision=(int, Field(description="Counts from 1.")),
        status=(EntryStatus, Field(description="What became of the revision.")),
        site=(str | None, Field(description="The site it belongs to; null where it belongs to all.")),
        valid_from=(datetime | None, Field(description="From when on it holds, or when it happened.")),
        valid_to=(datetime | None, Field(description="From when on it no longer holds.")),
        body=(register.body, Field(description="What it says.")),
        author=(str, Field(description="Who stated it.")),
        author_name=(str, Field(description="By name.")),
        reason=(str, Field(description="Why.")),
        recorded_at=(datetime, Field(description="When it became known here.")),
        decisions=(list[Decided], Field(description="What was decided about it, in order.")),
        hash=(str, Field(description="SHA-256 of its canonical form, as the audit trail has it.")),
    )


def with_secret(item: type[BaseModel]) -> type[BaseModel]:
    """Describes a fact as it is answered to who states it first, with its secret."""
    described = "Shown when it is first stated, and never again."
    return create_model(
        f"{item.__name__}Stated",
        __base__=item,
        __doc__=item.__doc__,
        secret=(str | None, Field(default=None, description=described, examples=["whsec_…"])),
    )


def stated_model(register: Register, *, with_id: bool) -> type[BaseModel]:
    """Describes what a client says when it states a fact."""
    name = "New" + "".join(part.title() for part in register.kind.split("_")) + ("" if with_id else "Revision")
    fields: dict[str, Any] = {}
    if with_id:
        fields["id"] = (
            EntryId | None,
            Field(default=None, description="Its name; made here if it has none.", examples=[f"{register.kind}-1"]),
        )
    fields["site"] = (
        Name if register.needs_site else Name | None,
        Field(default=... if register.needs_site else None, description="The site it belongs to.", examples=["BER1"]),
    )
    if register.dated is Dated.MOMENT:
        fields["valid_from"] = (Time | None, Field(default=None, description="When it happened; as `body` says if it does."))
    else:
        fields["valid_from"] = (Time | None, Field(default=None, description="From when on it holds; always if not said."))
    fields["valid_to"] = (Time | None, Field(default=None, description="From when on it no longer holds."))
    fields["reason"] = (Text, Field(description="Why it is stated.", examples=["permit 12/2024"]))
    fields["body"] = (register.body, Field(description="What it says.", examples=[_example(register)]))
    return create_model(name, __doc__=register.title, __config__=ConfigDict(extra="forbid", frozen=True), **fields)


def _example(register: Register) -> Mapping[str, object]:
    return register.example.model_dump(mode="json", by_alias=True, exclude_none=True)
