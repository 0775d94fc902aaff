"""Questions and answers about history, with services made by hand that answer as few servers do."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError
from fakes import HandClock

from ems_telemetry.connectors.opcua import history_reading
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.history_answers import Answer
from ems_telemetry.connectors.opcua.history_reading import HistoryReader
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.connectors.opcua.spans import Span
from ems_telemetry.errors import EmsTelemetryError

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SPAN = Span(NOON, NOON + timedelta(seconds=10))


class ScriptedServices:
    """Answers each node of each call with the next of what it was given; notes what it was asked."""

    def __init__(self, *answers: ua.HistoryReadResult | UaStatusCodeError) -> None:
        self.answers = list(answers)
        self.calls: list[ua.HistoryReadParameters] = []
        self.released: list[bytes] = []

    async def history_read(self, parameters: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        self.calls.append(parameters)
        if parameters.ReleaseContinuationPoints:
            self.released += [node.ContinuationPoint for node in parameters.NodesToRead]
            return []
        results: list[ua.HistoryReadResult] = []
        for _ in parameters.NodesToRead:
            answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            if isinstance(answer, UaStatusCodeError):
                raise answer
            results.append(answer)
        return results


class ScriptedSession(Session):
    def __init__(self, services: ScriptedServices) -> None:
        point = {"id": "total", "quantity": "gas_volume", "unit": "Nm3", "node": "i=1"}
        meters = [{"id": "CA-01", "points": [point]}]
        file = {"type": "opcua", "endpoint": "opc.tcp://plc:4840", "site": "BER1", "meters": meters}
        super().__init__(OpcUaFile.model_validate(file), "plc", Path("pki"), HandClock())
        self._scripted = services

    @property
    def services(self) -> ScriptedServices:  # type: ignore[override]  # speaks history alone
        return self._scripted


def result(*seconds: float, go_on: bytes | None = None, status: int = 0) -> ua.HistoryReadResult:
    times = [NOON + timedelta(seconds=second) for second in seconds]
    values = [ua.DataValue(ua.Variant(1.0), SourceTimestamp=time) for time in times]  # type: ignore[arg-type]  # see asyncua
    data = ua.HistoryData(DataValues=values)
    return ua.HistoryReadResult(ua.StatusCode(ua.UInt32(status)), go_on, data)


def fault(status: int) -> UaStatusCodeError:
    """A call that fails as a whole; asyncua picks the class of the status itself."""
    return UaStatusCodeError(status)  # type: ignore[no-untyped-call]  # asyncua leaves its errors untyped


async def read(services: ScriptedServices, nodes: int = 1, values_per_read: int = 1000) -> list[Answer]:
    found: list[Answer] = []

    async def take(answers: Sequence[Answer]) -> None:
        found.extend(answers)

    reader = HistoryReader(ScriptedSession(services), values_per_read)
    await reader.read(SPAN, {f"p{number}": ua.NodeId(number, 2) for number in range(nodes)}, take)  # type: ignore[arg-type]  # see asyncua
    return found


async def test_an_answer_is_followed_to_its_end() -> None:
    services = ScriptedServices(result(1, 2, go_on=b"1"), result(go_on=b"2"), result(3))
    found = await read(services)
    assert [len(answer.values) for answer in found] == [2, 0, 1]
    assert [answer.is_last for answer in found] == [False, False, True]
    assert [call.NodesToRead[0].ContinuationPoint for call in services.calls] == [None, b"1", b"2"]


async def test_a_full_answer_without_a_way_on_does_not_count_as_the_last() -> None:
    (answer,) = await read(ScriptedServices(result(1, 2, 3)), values_per_read=3)
    assert not answer.is_last


async def test_a_server_that_goes_on_beyond_the_end_is_left_and_its_continuation_point_released() -> None:
    services = ScriptedServices(result(1, 11, go_on=b"more"))
    await read(services)
    assert services.released == [b"more"]
    assert len(services.calls) == 2


async def test_a_server_that_never_comes_to_an_end_is_given_up_and_its_continuation_point_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history_reading, "MOST_EMPTY_ANSWERS", 3)
    services = ScriptedServices(result(go_on=b"again"))
    with pytest.raises(EmsTelemetryError, match="without ever coming to an end"):
        await read(services)
    assert services.released == [b"again"]


async def test_a_failure_in_the_middle_releases_what_the_server_keeps_open() -> None:
    services = ScriptedServices(result(1, go_on=b"1"), fault(StatusCodes.BadResourceUnavailable))
    with pytest.raises(EmsTelemetryError, match="BadResourceUnavailable"):
        await read(services)
    assert services.released == [b"1"]


async def test_a_server_without_the_service_answers_so_for_each_node() -> None:
    found = await read(ScriptedServices(fault(StatusCodes.BadServiceUnsupported)), nodes=3)
    assert [answer.status for answer in found] == [StatusCodes.BadServiceUnsupported] * 3


async def test_too_many_nodes_at_once_are_halved() -> None:
    found = await read(ScriptedServices(fault(StatusCodes.BadTooManyOperations), result(1)), nodes=4)
    assert len(found) == 4


async def test_one_answer_is_bounded_however_many_nodes_are_asked_for() -> None:
    services = ScriptedServices(result())
    await read(services, nodes=50, values_per_read=1000)
    details = services.calls[0].HistoryReadDetails
    assert isinstance(details, ua.ReadRawModifiedDetails)
    assert details.NumValuesPerNode * 50 <= history_reading.VALUES_PER_ANSWER


async def test_a_server_that_asks_for_less_gets_less() -> None:
    reader = HistoryReader(ScriptedSession(ScriptedServices(result())), 1000)
    assert reader.ask_less(20)
    assert reader.nodes_per_call == 10
    assert reader.ask_less(20)
    assert reader.nodes_per_call == 10
    assert not reader.ask_less(1)
    assert reader.ask_other_times()
    assert not reader.ask_other_times()
