"""What becomes of a deadband a server refuses: a share of the range becomes a number where the node tells its range."""

from collections.abc import Mapping, Sequence

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from ems_telemetry.connectors.opcua.file import Deadband
from ems_telemetry.connectors.opcua.paths import translate_paths
from ems_telemetry.connectors.opcua.plan import one_step
from ems_telemetry.connectors.opcua.session import Session


async def absolute_deadbands(session: Session, wanted: Mapping[int, tuple[ua.NodeId, Deadband]]) -> dict[int, Deadband]:
    """Computes from each node's EURange what its share in percent is as a number.

    Returns:
        By handle; without those whose node tells no range.

    Raises:
        ConnectionLostError: the session is lost.
    """
    if not wanted:
        return {}
    ranges = await _read_ranges(session, [node for node, _ in wanted.values()])
    found: dict[int, Deadband] = {}
    for (handle, (_, deadband)), range_ in zip(wanted.items(), ranges, strict=True):
        span = range_.High - range_.Low if isinstance(range_, ua.Range) else 0.0
        if 0.0 < span < float("inf"):
            found[handle] = Deadband(value=deadband.value / 100 * span)
    return found


async def _read_ranges(session: Session, nodes: Sequence[ua.NodeId]) -> list[object]:
    results = await translate_paths(session, [_range_of(node) for node in nodes])
    properties = [result.Targets[0].TargetId if result.Targets else ua.NodeId() for result in results]
    return await session.read_values(properties)


def _range_of(node: ua.NodeId) -> ua.BrowsePath:
    return ua.BrowsePath(StartingNode=node, RelativePath=ua.RelativePath(Elements=[one_step(ObjectIds.HasProperty, "EURange")]))
