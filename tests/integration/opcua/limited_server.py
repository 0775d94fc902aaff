"""asyncua's own server made to do what node-opcua does not: no subscriptions, limits nobody told, whole arrays for elements."""

from typing import Any, Self

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import BadServiceUnsupported, BadTooManyOperations, BadTooManySubscriptions
from servers.process import LOOPBACK, free_port

URI = "urn:limited"


class LimitedServer:
    """A server with the variables given, as `nsu=urn:limited;s=NAME`. What it does not do is said before it begins."""

    def __init__(self, patch: pytest.MonkeyPatch, **variables: object) -> None:
        self.endpoint = f"opc.tcp://{LOOPBACK}:{free_port()}/limited"
        self.server = Server()
        self.nodes: dict[str, Node] = {}
        self.reads: list[int] = []
        self._patch = patch
        self._variables = variables
        self._count_reads()

    def without_subscriptions(self) -> Self:
        """Makes it know no subscriptions at all."""

        async def create_subscription(*_: object, **__: object) -> ua.CreateSubscriptionResult:
            raise BadServiceUnsupported

        self._patch.setattr(InternalSession, "create_subscription", create_subscription)
        return self

    def with_subscriptions(self, most: int) -> Self:
        """Makes it grant so many subscriptions."""
        create = InternalSession.create_subscription
        granted = 0

        async def create_subscription(session: InternalSession, *given: Any, **named: Any) -> ua.CreateSubscriptionResult:  # noqa: ANN401  asyncua's own
            nonlocal granted
            granted += 1
            if granted > most:
                raise BadTooManySubscriptions
            return await create(session, *given, **named)

        self._patch.setattr(InternalSession, "create_subscription", create_subscription)
        return self

    def with_items(self, most: int, per_call: int) -> Self:
        """Makes it monitor so many items in all, and take so many in one call; it says neither beforehand."""
        create = InternalSession.create_monitored_items
        granted = 0

        async def create_monitored_items(
            session: InternalSession, parameters: ua.CreateMonitoredItemsParameters
        ) -> list[ua.MonitoredItemCreateResult]:
            nonlocal granted
            asked = parameters.ItemsToCreate
            if len(asked) > per_call:
                raise BadTooManyOperations
            parameters.ItemsToCreate = asked[: most - granted]
            granted += len(parameters.ItemsToCreate)
            full = ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(StatusCodes.BadTooManyMonitoredItems)))
            results = await create(session, parameters)
            return [*results, *[full] * (len(asked) - len(results))]

        self._patch.setattr(InternalSession, "create_monitored_items", create_monitored_items)
        return self

    def refusing(self, deadband: ua.DeadbandType) -> Self:
        """Makes it refuse deadbands of this type."""
        create = InternalSession.create_monitored_items

        async def create_monitored_items(
            session: InternalSession, parameters: ua.CreateMonitoredItemsParameters
        ) -> list[ua.MonitoredItemCreateResult]:
            filters = [item.RequestedParameters.Filter for item in parameters.ItemsToCreate]
            refused = [getattr(wish, "DeadbandType", None) == deadband for wish in filters]
            taken = [item for item, no in zip(parameters.ItemsToCreate, refused, strict=True) if not no]
            parameters.ItemsToCreate = taken
            results = iter(await create(session, parameters))
            status = ua.StatusCode(ua.UInt32(StatusCodes.BadMonitoredItemFilterUnsupported))
            return [ua.MonitoredItemCreateResult(StatusCode=status) if no else next(results) for no in refused]

        self._patch.setattr(InternalSession, "create_monitored_items", create_monitored_items)
        return self

    def _count_reads(self) -> None:
        read = InternalSession.read

        async def counted(session: InternalSession, parameters: ua.ReadParameters) -> list[ua.DataValue]:
            self.reads.append(len(parameters.NodesToRead))
            return await read(session, parameters)

        self._patch.setattr(InternalSession, "read", counted)

    async def __aenter__(self) -> Self:
        await self.server.init()
        self.server.set_endpoint(self.endpoint)
        self.server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
        index = await self.server.register_namespace(URI)
        for name, value in self._variables.items():
            node_id = ua.NodeId(name, index)  # type: ignore[arg-type]  # asyncua names its wire types, and takes plain ones
            # asyncua guesses the type of all values but of structures it does not know.
            type_ = ua.NodeId(ua.Int32(ObjectIds.Structure)) if isinstance(value, ua.ExtensionObject) else None
            self.nodes[name] = await self.server.nodes.objects.add_variable(node_id, name, value, datatype=type_)
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.server.stop()

    async def tell_nodes_per_read(self, limit: int | None) -> None:
        """Sets what it tells of the nodes it takes per read; None for nothing."""
        node = self.server.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerRead)))
        if limit is None:
            await node.delete()
        else:
            await self.server.write_attribute_value(node.nodeid, ua.DataValue(ua.Variant(limit, ua.VariantType.UInt32)))

    async def say(self, name: str, data: ua.DataValue) -> None:
        """Sets a variable with its times and status."""
        await self.server.write_attribute_value(self.nodes[name].nodeid, data)


def point(name: str, **keys: object) -> dict[str, object]:
    """The keys of a point at one of its variables."""
    return {"node": f"nsu={URI};s={name}", **keys}
