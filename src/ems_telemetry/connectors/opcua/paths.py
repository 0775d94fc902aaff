"""The service that follows browse paths, and what its answers mean."""

from collections.abc import Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.status_codes import StatusCodes

from ems_telemetry.connectors.opcua.errors import SERVICE_UNKNOWN, status_behind, status_name
from ems_telemetry.connectors.opcua.refusals import Cause, Refused, refused_with
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.errors import EmsTelemetryError

_WHOLE_PATH = 0xFFFF_FFFF
"""What a server says in the place of the step at which it stopped, where it did not stop."""


async def translate_paths(session: Session, paths: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
    """Follows paths, in calls no larger than the server takes.

    Returns:
        One answer for each path; from a server that follows none, the StatusCode that says so.

    Raises:
        ConnectionLostError: the session is lost.
    """

    async def translate(services: UaSession, piece: Sequence[ua.BrowsePath]) -> list[ua.BrowsePathResult]:
        return await services.translate_browsepaths_to_nodeids(list(piece))

    try:
        return await session.ask(translate, paths, session.limits.translate)
    except EmsTelemetryError as error:
        status = status_behind(error)
        if status not in SERVICE_UNKNOWN:
            raise
        return [ua.BrowsePathResult(StatusCode=ua.StatusCode(ua.UInt32(status))) for _ in paths]


def read_path_result(result: ua.BrowsePathResult) -> ua.NodeId | Refused:
    """Reads what a server answers to one path: the one node it leads to, or why there is none."""
    status = int(result.StatusCode.value)
    if status == StatusCodes.BadNoMatch:
        return Refused(Cause.NODE_UNKNOWN, "the server knows no node on this path (BadNoMatch)")
    if status in SERVICE_UNKNOWN:
        return Refused(Cause.NODE_REFUSED, f"the server follows no paths ({status_name(status)}); name the node with node:")
    if result.StatusCode.is_bad():
        return refused_with(status)
    targets = [target for target in result.Targets if target.RemainingPathIndex == _WHOLE_PATH]
    nodes = tuple(dict.fromkeys(ua.NodeId(t.TargetId.Identifier, t.TargetId.NamespaceIndex) for t in targets))
    if not nodes:
        return Refused(Cause.NODE_UNKNOWN, "the path leads to another server")
    if len(nodes) > 1:
        named = " and ".join(node.to_string() for node in nodes[:2])
        return Refused(Cause.PATH_AMBIGUOUS, f"the path leads to {len(nodes)} nodes ({named}); name the one with node:")
    return nodes[0]
