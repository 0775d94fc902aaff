import pytest
from asyncua import ua
from asyncua.ua.uatypes import NodeIdType

from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.limits import chunk_size, chunks
from ems_telemetry.connectors.opcua.nodes import NodeAddress, parse_node
from ems_telemetry.connectors.opcua.plan import (
    Attempt,
    by_publishing_interval,
    item_request,
    resolve,
    subscription_parameters,
    wanted_items,
)


def file_of(*points: dict[str, object], **settings: object) -> OpcUaFile:
    shared = {"quantity": "gas_volume", "unit": "Nm3", "node": "ns=2;s=A"}
    return OpcUaFile.model_validate(
        {
            "type": "opcua",
            "endpoint": "opc.tcp://plc:4840",
            "site": "BER1",
            "meters": [{"id": "CA-01", "points": [{**shared, **point} for point in points]}],
            **settings,
        }
    )


def test_nodes_are_sampled_as_they_change_unless_the_file_or_the_point_says_otherwise() -> None:
    (plain,) = wanted_items(file_of({"id": "a"}))
    said_by_file, said_by_point = wanted_items(
        file_of({"id": "a"}, {"id": "b", "sampling_interval": "5s"}, sampling_interval="2s")
    )
    assert plain.sampling_interval_ms == 0
    assert (said_by_file.sampling_interval_ms, said_by_point.sampling_interval_ms) == (2000, 5000)


def test_there_is_one_subscription_per_publishing_interval() -> None:
    items = wanted_items(file_of({"id": "a"}, {"id": "b", "publishing_interval": "10s"}, {"id": "c"}))
    assert by_publishing_interval(items) == {1.0: (0, 2), 10.0: (1,)}


def test_a_deadband_becomes_a_filter_of_the_server() -> None:
    (item,) = wanted_items(file_of({"id": "a", "deadband": 0.5, "queue_size": 7}))
    request = item_request(3, item, Attempt(ua.NodeId(), item.deadband))
    parameters = request.RequestedParameters
    assert (parameters.ClientHandle, parameters.QueueSize, parameters.DiscardOldest) == (3, 7, True)
    assert isinstance(parameters.Filter, ua.DataChangeFilter)
    assert (parameters.Filter.DeadbandType, parameters.Filter.DeadbandValue) == (ua.DeadbandType.Absolute, 0.5)
    plain = item_request(3, item, Attempt(ua.NodeId())).RequestedParameters.Filter
    assert not isinstance(plain, ua.DataChangeFilter)


def test_a_namespace_uri_gets_the_index_it_has_in_this_session() -> None:
    address = parse_node("nsu=urn:plc:air;s=A")
    assert resolve(address, ["http://opcfoundation.org/UA/", "urn:x", "urn:plc:air"]) == ua.NodeId.from_string("ns=2;s=A")
    assert resolve(address, ["http://opcfoundation.org/UA/", "urn:plc:air"]) == ua.NodeId.from_string("ns=1;s=A")
    assert resolve(address, ["http://opcfoundation.org/UA/"]) is None


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("i=84", NodeIdType.TwoByte),
        ("ns=2;i=100000", NodeIdType.Numeric),
        ("ns=2;s=A", NodeIdType.String),
        ("ns=2;g=09087e75-8e5e-499b-954f-f2a9603db28a", NodeIdType.Guid),
        ("ns=2;b=M/RbKBsRVkePCePcx24oRA==", NodeIdType.ByteString),
    ],
)
def test_every_kind_of_identifier_goes_out_as_its_kind(text: str, kind: NodeIdType) -> None:
    found = resolve(parse_node(text), [])
    assert found is not None
    assert found.NodeIdType is kind


def test_an_index_is_taken_as_it_is() -> None:
    assert resolve(NodeAddress(5, "A"), []) == ua.NodeId.from_string("ns=5;s=A")


@pytest.mark.parametrize(("limit", "size"), [(50, 50), (0, 1000), (65_535, 1000), (None, 100), ("many", 100), (-1, 100)])
def test_calls_are_as_large_as_the_server_says_and_cautious_if_it_does_not(limit: object, size: int) -> None:
    assert chunk_size(limit) == size


def test_chunks_hold_everything_once() -> None:
    assert list(chunks((1, 2, 3, 4, 5), 2)) == [(1, 2), (3, 4), (5,)]


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 10.0, 600.0])
def test_a_subscription_lives_for_three_keep_alives_at_least(interval_s: float) -> None:
    parameters = subscription_parameters(interval_s, 30.0)
    assert parameters.RequestedMaxKeepAliveCount >= 1
    assert parameters.RequestedLifetimeCount >= 3 * parameters.RequestedMaxKeepAliveCount
    assert parameters.RequestedMaxKeepAliveCount * interval_s <= max(5.0, interval_s)
