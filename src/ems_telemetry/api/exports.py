"""Files of records for other software."""

from typing import Annotated, Self

from fastapi import Path, Query
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from starlette.responses import Response

from ems_telemetry.api import parameters
from ems_telemetry.api.access import Reader
from ems_telemetry.api.description import Responses, make_router
from ems_telemetry.api.parameters import Name, Time
from ems_telemetry.api.problem import wrong_parameter
from ems_telemetry.api.record_parameters import AS_OF
from ems_telemetry.api.services import Services
from ems_telemetry.records.exporting.reading import ExportAsked, TooMuchError, read_export
from ems_telemetry.records.kinds import RecordType
from ems_telemetry.records.registers.exports import ExportProfile

router = make_router("Records")

OMITTED = "X-EMS-Omitted"
_FILE: Responses = {
    200: {
        "description": "The file, as RFC 4180 has it.",
        "content": {"text/csv": {"schema": {"type": "string"}}},
        "headers": {
            OMITTED: {
                "description": "How many records are not in it, and why: `3; no_value=1, unmapped=2`; `0` if all are.",
                "schema": {"type": "string"},
            }
        },
    }
}


class ExportQuery(parameters.Query):
    """What is to be exported; a record belongs to the span in which its period begins."""

    site: Name = Field(description="The records of this site.", examples=["BER1"])
    from_: Time = Field(alias="from", description="RFC 3339 with zone; periods that begin then are within.")
    to: Time = Field(description="RFC 3339 with zone; periods that begin then are not.")
    type: RecordType | None = Field(default=None, description="Only those of this type.")
    as_of: Time | None = AS_OF
    account_style: int | None = Field(
        default=None, ge=1, le=2**53, description="Of `envizi`: only accounts of this style, since a file takes one."
    )

    @model_validator(mode="after")
    def _begins_before_it_ends(self) -> Self:
        if self.from_ >= self.to:
            raise PydanticCustomError("empty_span", "is not before `to`; nothing lies between them")
        return self


@router.get("/exports/{profile}", response_class=Response, responses=_FILE)
async def export_records(
    services: Services,
    caller: Reader,
    profile: Annotated[ExportProfile, Path(description="For whom: `envizi`, `msm`, or `csv` for anybody.")],
    query: Annotated[ExportQuery, Query()],
) -> Response:
    """Writes records as a file for other software. What has no value is left out, never written as zero."""
    caller.check_site(query.site)
    if query.account_style is not None and profile is not ExportProfile.ENVIZI:
        raise wrong_parameter("account_style", str(query.account_style), "is for the profile envizi")
    asked = ExportAsked(profile, query.site, query.from_, query.to, query.type, query.as_of, query.account_style)
    async with services.database.connection() as connection:
        try:
            made = await read_export(connection, asked, caller.sites)
        except TooMuchError as error:
            raise wrong_parameter("to", query.to.isoformat(), str(error)) from error
    name = f"{profile}-{query.from_:%Y%m%d}-{query.to:%Y%m%d}.csv"
    headers = {
        OMITTED: made.omissions(),
        "Content-Disposition": f'attachment; filename="{name}"',
        "Vary": "Authorization",
    }
    return Response(made.text(), headers=headers, media_type="text/csv; charset=utf-8; header=present")
