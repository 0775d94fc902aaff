"""Writing to the database paused and resumed, for its maintenance."""

from starlette.responses import Response

from ems_telemetry.api.access import Administrator
from ems_telemetry.api.description import GUARDED, make_router, problems
from ems_telemetry.api.problem import ProblemType
from ems_telemetry.api.services import Services
from ems_telemetry.api.standing import Writes

router = make_router("Service", responses={})
_RESPONSES = GUARDED | problems(ProblemType.DATABASE_UNAVAILABLE)


@router.post("/writes/pause", response_model=Writes, responses=_RESPONSES)
async def pause_writes(services: Services, caller: Administrator) -> Response:
    """Writes nothing more to the database: everything goes into the spool until it is resumed, also after a restart.

    Answers when the transaction in flight is over, or after ten seconds. For keys with `admin`, for all sites.
    """
    caller.check_whole("writing")
    return _answer(await services.pause(caller.label, caller.actor))


@router.post("/writes/resume", response_model=Writes, responses=_RESPONSES)
async def resume_writes(services: Services, caller: Administrator) -> Response:
    """Writes to the database again, what waits in the spool first. For keys with `admin`, for all sites."""
    caller.check_whole("writing")
    return _answer(await services.resume(caller.label, caller.actor))


def _answer(writes: Writes) -> Response:
    return Response(writes.model_dump_json(), media_type="application/json")
