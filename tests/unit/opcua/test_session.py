"""What of a session can be proved without a server."""

from pathlib import Path

import pytest
from asyncua import ua
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import (
    BadEncodingLimitsExceeded,
    BadRequestTooLarge,
    BadResponseTooLarge,
    BadTooManyMonitoredItems,
    BadTooManyOperations,
    UaStatusCodeError,
)
from fakes import HandClock

from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.session import Session
from ems_telemetry.errors import ConnectionLostError, EndpointRefusedError

POINT = {"id": "flow", "quantity": "gas_volume", "unit": "Nm3", "node": "i=1"}


def file_with(**settings: object) -> OpcUaFile:
    meters = [{"id": "CA-01", "points": [POINT]}]
    return OpcUaFile.model_validate(
        {"type": "opcua", "endpoint": "opc.tcp://plc:4840", "site": "BER1", "meters": meters, **settings}
    )


def session_with(**settings: object) -> Session:
    return Session(file_with(**settings), "compressor-plc", Path("pki"), HandClock())


class LimitedServices:
    """Creates at most `limit` items per call, and says nothing of it beforehand."""

    def __init__(self, limit: int, refusal: type[UaStatusCodeError] = BadTooManyOperations) -> None:
        self.limit = limit
        self.refusal = refusal
        self.calls: list[int] = []

    async def create_monitored_items(self, parameters: ua.CreateMonitoredItemsParameters) -> list[ua.MonitoredItemCreateResult]:
        asked = [request.RequestedParameters.ClientHandle for request in parameters.ItemsToCreate]
        self.calls.append(len(asked))
        if len(asked) > self.limit:
            raise self.refusal
        return [ua.MonitoredItemCreateResult(MonitoredItemId=handle) for handle in asked]


def requests(count: int) -> list[ua.MonitoredItemCreateRequest]:
    return [
        ua.MonitoredItemCreateRequest(RequestedParameters=ua.MonitoringParameters(ClientHandle=handle))
        for handle in range(count)
    ]


@pytest.mark.parametrize("refusal", [BadTooManyOperations, BadEncodingLimitsExceeded, BadRequestTooLarge, BadResponseTooLarge])
async def test_a_call_the_server_finds_too_large_is_halved(
    monkeypatch: pytest.MonkeyPatch, refusal: type[UaStatusCodeError]
) -> None:
    services = LimitedServices(3, refusal)
    monkeypatch.setattr(Session, "services", services)
    created = await session_with().create_items(7, requests(10))
    assert [result.MonitoredItemId for result in created] == list(range(10))
    assert services.calls == [10, 5, 2, 3, 5, 2, 3]


async def test_a_server_full_of_items_refuses_each_item_and_not_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "services", LimitedServices(0, BadTooManyMonitoredItems))
    created = await session_with().create_items(7, requests(4))
    assert [result.StatusCode.value for result in created] == [StatusCodes.BadTooManyMonitoredItems] * 4


async def test_a_server_that_creates_not_even_one_item_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "services", LimitedServices(limit=0))
    with pytest.raises(ConnectionLostError, match="BadTooManyOperations"):
        await session_with().create_items(7, requests(4))


async def test_a_server_that_answers_less_than_was_asked_ends_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    class ShortServices(LimitedServices):
        async def create_monitored_items(
            self, parameters: ua.CreateMonitoredItemsParameters
        ) -> list[ua.MonitoredItemCreateResult]:
            return (await super().create_monitored_items(parameters))[1:]

        async def read_attributes(self, *_: object) -> list[ua.DataValue]:
            return []

    monkeypatch.setattr(Session, "services", ShortServices(limit=10))
    with pytest.raises(ConnectionLostError, match="3 answers to 4 questions"):
        await session_with().create_items(7, requests(4))
    with pytest.raises(ConnectionLostError, match="0 answers to 1 questions"):
        await session_with().read_namespaces()


async def test_closing_what_never_opened_does_no_harm() -> None:
    session = session_with()
    await session.close()
    await session.close()


async def test_a_password_file_that_has_gone_is_named(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("right")
    session = session_with(user={"name": "ems", "password_file": str(secret)})
    secret.unlink()
    with pytest.raises(EndpointRefusedError, match=f'the password file "{secret}" cannot be read'):
        await session.open()
