from asyncua import ua

from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import WantedItem
from ems_telemetry.connectors.opcua.revisions import revised_items, revised_publishing


def items(count: int, sampling_ms: float, queue_size: int = 10) -> list[WantedItem]:
    address = parse_node("i=1")
    return [WantedItem(f"CA-01.p{n}", "i=1", address, sampling_ms, 1.0, queue_size) for n in range(count)]


def granted(count: int, sampling_ms: float, queue_size: int = 10) -> dict[int, ua.MonitoredItemCreateResult]:
    result = ua.MonitoredItemCreateResult(RevisedSamplingInterval=sampling_ms, RevisedQueueSize=ua.UInt32(queue_size))
    return dict.fromkeys(range(count), result)


def test_what_is_granted_as_asked_is_not_told() -> None:
    assert not list(revised_items(items(3, 100.0), granted(3, 100.5)))
    assert not list(revised_publishing({1.0: 1.0, 0.1: 0.1}))


def test_items_revised_alike_are_told_in_one_sentence() -> None:
    (told,) = revised_items(items(12, 100.0), granted(12, 250.0))
    assert told == "the server samples 12 items (CA-01.p0, CA-01.p1, CA-01.p2 and 9 more) at 250 ms instead of at 100 ms"


def test_sampling_on_change_has_its_own_words() -> None:
    (told,) = revised_items(items(1, 0.0), granted(1, 50.0))
    assert told == "the server samples 1 item (CA-01.p0) at 50 ms instead of as they change"
    (told,) = revised_items(items(1, 50.0), granted(1, 0.0))
    assert told == "the server samples 1 item (CA-01.p0) as they change instead of at 50 ms"


def test_shorter_queues_are_told() -> None:
    (told,) = revised_items(items(2, 0.0, 100), granted(2, 0.0, 1))
    assert told == "the server keeps 1 instead of 100 changes of 2 items (CA-01.p0, CA-01.p1)"


def test_another_publishing_interval_is_told() -> None:
    assert list(revised_publishing({0.1: 0.5})) == ["the server publishes every 500 ms instead of 100 ms"]
