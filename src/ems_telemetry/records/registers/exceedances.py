"""What people say of exceedances, under the id of each: why it came about, and which nonconformity it led to."""

from typing import Annotated

from pydantic import Field, StringConstraints

from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Register, Text, Word


class ExceedanceNoteBody(Body):
    """Why a limit was exceeded, and what was done about it."""

    cause: Text = Field(description="Why it came about.", examples=["burner out of tune"])
    state: Word | None = Field(default=None, description="How the plant was operated then.", examples=["full load"])
    measures: Text | None = Field(default=None, description="What was done about it.", examples=["burner tuned"])
    author: Word | None = Field(default=None, description="Who says so, where it is not the holder of the key.")


class NonconformityLinkBody(Body):
    """The nonconformity that was opened in the environmental management system."""

    nc_id: Word = Field(description="Its name there.", examples=["NC-2026-017"])
    url: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^https?://[^\s\x00-\x1f\x7f]+$")] | None = Field(
        default=None, description="Where it can be read.", examples=["https://ems.plant.example/nc/NC-2026-017"]
    )


_WHO = (Scope.METHODS, Scope.METROLOGY)

REGISTERS = (
    Register(
        kind="exceedance_note",
        path="exceedance-notes",
        title="Why limits were exceeded, and what was done, each under the id of its exceedance.",
        body=ExceedanceNoteBody,
        example=ExceedanceNoteBody(cause="burner out of tune", state="full load", measures="burner tuned"),
        scopes=_WHO,
        needs_site=True,
    ),
    Register(
        kind="nonconformity_link",
        path="nonconformity-links",
        title="Nonconformities of the environmental management system, each under the id of its exceedance.",
        body=NonconformityLinkBody,
        example=NonconformityLinkBody(nc_id="NC-2026-017", url="https://ems.plant.example/nc/NC-2026-017"),
        scopes=_WHO,
        needs_site=True,
    ),
)
