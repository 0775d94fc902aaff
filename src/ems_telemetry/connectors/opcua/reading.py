"""The Read service for values: whole ones and parts, each with both its times, in calls no larger than the server takes."""

from collections.abc import Sequence

from asyncua import ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds

from ems_telemetry.connectors.opcua.session import Session


def value_of(node_id: ua.NodeId, index_range: str | None = None) -> ua.ReadValueId:
    """Words the question for a node's value, or for that part of an array."""
    return ua.ReadValueId(NodeId=node_id, AttributeId=AttributeIds.Value, IndexRange=index_range)


async def read_from_source(session: Session, questions: Sequence[ua.ReadValueId]) -> list[ua.DataValue]:
    """Reads afresh, not from what the server happens to have kept; one answer for each question.

    Raises:
        ConnectionLostError: the session is lost.
    """

    async def read(services: UaSession, piece: Sequence[ua.ReadValueId]) -> list[ua.DataValue]:
        parameters = ua.ReadParameters(MaxAge=0, TimestampsToReturn=ua.TimestampsToReturn.Both, NodesToRead=list(piece))
        return await services.read(parameters)

    return await session.ask(read, questions, session.limits.read)


def status_of(value: ua.DataValue) -> int:
    """Tells the StatusCode of a value; 0 if it has none."""
    return 0 if value.StatusCode is None else int(value.StatusCode.value)
