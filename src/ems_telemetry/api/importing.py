"""Hand-read values over REST, as a sheet: the same file and the same way as `ems-telemetry import`."""

import asyncio
import hashlib
import tempfile
from pathlib import Path
from typing import Annotated, Final

from fastapi import Query, Request
from pydantic import BaseModel, Field

from ems_telemetry.api.access import Ingester
from ems_telemetry.api.description import make_router, problems
from ems_telemetry.api.parameters import Query as Parameters
from ems_telemetry.api.problem import ApiError, ProblemType, WrongParameter, shorten, wrong_parameter
from ems_telemetry.api.services import Services, TakeIn
from ems_telemetry.errors import ConfigurationError, SpoolFullError

router = make_router("Readings")

LARGEST: Final = 5_000_000
"""Bytes of a sheet; `ems-telemetry backfill` takes files of any size."""
PROBLEMS_SHOWN: Final = 50
_NAME: Final = "readings.csv"
_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {"schema": {"type": "string"}, "example": "point,time,value\nGM-01.volume,2026-03-02 10:00,1015.3\n"}
        },
    }
}


class ImportQuery(Parameters):
    """How a sheet is taken."""

    dry_run: bool = Field(default=False, description="`true`: only look for mistakes, and take nothing.")


class ImportedReadings(BaseModel):
    """What became of a sheet."""

    readings: int = Field(description="How many readings stood in it.")
    taken: bool = Field(description="Whether they were taken; what was known already stays as it is.")
    sha256: str = Field(description="Of the sheet, as the audit trail has it.")


@router.post(
    "/readings:import",
    responses=problems(ProblemType.CONFLICT, ProblemType.TOO_LARGE),
    openapi_extra=_BODY,
)
async def import_readings(
    request: Request, services: Services, caller: Ingester, query: Annotated[ImportQuery, Query()]
) -> ImportedReadings:
    """Takes readings of hand-read meters from CSV: `point,time,value` and, if wanted, `quality`. For keys with `ingest`.

    Nothing of a sheet with a mistake is taken; every mistake is told with its line. Sending a sheet twice changes nothing.
    """
    sheet = await _read(request)
    digest = hashlib.sha256(sheet).hexdigest()
    with tempfile.TemporaryDirectory(prefix="ems-telemetry-") as folder:
        file = Path(folder) / _NAME
        await asyncio.to_thread(file.write_bytes, sheet)
        try:
            taken = await services.take_in(TakeIn(file, caller.sites, query.dry_run, caller.actor))
        except ConfigurationError as error:
            raise _mistakes(error) from error
        except SpoolFullError as error:
            raise ApiError(ProblemType.CONFLICT, f"{error}; send the sheet again later") from error
    return ImportedReadings(readings=taken.readings, taken=not query.dry_run, sha256=digest)


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            detail = f"a sheet may have {LARGEST:,} bytes; cut it, or let `ems-telemetry backfill` read the file"
            raise ApiError(ProblemType.TOO_LARGE, detail)
    if not body.strip():
        raise wrong_parameter("body", None, "is empty; send CSV with the columns point,time,value")
    return bytes(body)


def _mistakes(error: ConfigurationError) -> ApiError:
    found = [
        WrongParameter(f"line {problem.line}" if problem.line else "body", None, shorten(problem.message))
        for problem in error.problems[:PROBLEMS_SHOWN]
    ]
    more = len(error.problems) - len(found)
    words = "; ".join(f"{each.parameter}: {each.detail}" for each in found[:5])
    detail = f"nothing was taken: {words}" + (f"; and {more} more" if more > 0 else "")
    return ApiError(ProblemType.INVALID_PARAMETER, detail, errors=found)
