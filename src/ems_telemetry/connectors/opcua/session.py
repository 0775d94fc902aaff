"""One session with one server: a thin shell around asyncua that opens, asks, listens and always closes.

asyncua's own reconnecting stays off, as do its watchdogs: `connect()`, which starts them, is never called. Errors leave here in
our words (`errors.py`).
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from asyncua import ua
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import (
    BadEncodingLimitsExceeded,
    BadRequestTooLarge,
    BadResponseTooLarge,
    BadTooManyMonitoredItems,
    BadTooManyOperations,
)

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.opcua.errors import in_our_words, of_status
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.connectors.opcua.limits import LIMIT_NODES, OperationLimits, chunks, limits_from
from ems_telemetry.connectors.opcua.plan import subscription_parameters
from ems_telemetry.connectors.opcua.security import Guard
from ems_telemetry.connectors.opcua.server_clock import ahead_s
from ems_telemetry.connectors.opcua.subscription import LEAST_SILENCE_S, Subscription, Upstream
from ems_telemetry.connectors.opcua.users import SessionClient, read_user
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError

REQUEST_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
RENEW_AFTER = 0.75
"""Part of a secure channel's life after which it is renewed (OPC 10000-4, 5.5.2.1)."""
PROBES_PER_SESSION = 3
_TOO_MUCH_AT_ONCE = (BadTooManyOperations, BadEncodingLimitsExceeded, BadRequestTooLarge, BadResponseTooLarge)

_NAMESPACE_ARRAY = ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))
_SERVER_STATE = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))
_SERVER_TIME = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_CurrentTime))

QuestionT = TypeVar("QuestionT")
AnswerT = TypeVar("AnswerT")


class Session:
    """Used once: `open`, then ask, then `close`, which is right at any moment and never raises for the server's sake."""

    def __init__(self, file: OpcUaFile, name: str, pki_directory: Path, clock: Clock) -> None:
        self.limits = OperationLimits()
        self._file = file
        self._clock = clock
        self._subscriptions: list[Subscription] = []
        self._ended: asyncio.Future[EmsTelemetryError] = asyncio.get_running_loop().create_future()
        self._client = SessionClient(file.endpoint, timeout=REQUEST_TIMEOUT_S)
        self._guard = Guard(self._client, file.endpoint, file.security, pki_directory)
        self._client.session_timeout = int(file.session_timeout * 1000)
        self._client.product_uri = "urn:ems-telemetry"
        self._client.name = "ems-telemetry"
        self._client.description = f"ems-telemetry {name}"

    async def open(self) -> None:
        """Connects, protects the channel as the file says, and activates the session.

        Raises:
            ConnectionLostError: nobody there, or nobody answers.
            EndpointRefusedError: the server refuses us, or we do not trust it.
            CertificateError: a certificate or key of ours cannot be used.
        """
        user = read_user(self._file.user)
        with self._guard.naming_our_certificate(), in_our_words():
            await self._guard.prepare(self._clock.now())
            await self._client.connect_socket()
            await self._client.send_hello()
            await self._client.open_secure_channel()
            created = await _to_its_end(self._client.create_session())
            await self._guard.enter(created, user, self._clock.now())
        self.limits = limits_from(await self.read_values(LIMIT_NODES))

    def warnings(self) -> list[str]:
        """Tells which certificates will soon end the link, and what else is odd about them."""
        return self._guard.warnings(self._clock.now())

    async def close(self) -> None:
        """Closes session, channel and socket, as far as the server still answers; takes at most `CLOSE_TIMEOUT_S`."""
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._client.disconnect()
        finally:
            self._client.disconnect_socket()

    async def read_namespaces(self) -> list[str]:
        """Reads the namespace table; its order may be another one in each session."""
        (table,) = await self.read_values([_NAMESPACE_ARRAY])
        return [str(uri) for uri in table] if isinstance(table, list) else []

    async def read_clock(self) -> float | None:
        """Tells how far the server's clock is ahead of ours, in seconds; None if it does not tell the time."""
        asked_at = self._clock.now()
        (told,) = await self.read_values([_SERVER_TIME])
        return ahead_s(told, asked_at, self._clock.now())

    async def ask(
        self,
        service: Callable[[UaSession, Sequence[QuestionT]], Awaitable[list[AnswerT]]],
        questions: Sequence[QuestionT],
        per_call: int,
    ) -> list[AnswerT]:
        """Asks a service of the session about many things, in calls of at most `per_call`; smaller ones if those are too large.

        Returns:
            One answer for each question, in their order.

        Raises:
            ConnectionLostError: the session is lost, or the server answers too little.
            EndpointRefusedError: the server says no to the call as a whole.
        """
        answers: list[AnswerT] = []
        for piece in chunks(questions, per_call):
            answers += await self._ask_at_once(service, piece)
        return answers

    async def _ask_at_once(
        self, service: Callable[[UaSession, Sequence[QuestionT]], Awaitable[list[AnswerT]]], questions: Sequence[QuestionT]
    ) -> list[AnswerT]:
        with in_our_words():
            try:
                return _one_each(questions, await service(self.services, questions))
            except _TOO_MUCH_AT_ONCE:
                if len(questions) == 1:
                    raise
        half = len(questions) // 2
        return [
            *await self._ask_at_once(service, questions[:half]),
            *await self._ask_at_once(service, questions[half:]),
        ]

    async def subscribe(self, publishing_interval_s: float, upstream: Upstream) -> Subscription:
        """Creates an empty subscription; what comes in goes to `upstream`."""
        subscription = Subscription(upstream, self._clock)
        parameters = subscription_parameters(publishing_interval_s, self._client.session_timeout / 1000)
        with in_our_words():
            subscription.begin(await self.services.create_subscription(parameters, subscription.receive))
        self._subscriptions.append(subscription)
        return subscription

    async def create_items(
        self, subscription_id: int, requests: Sequence[ua.MonitoredItemCreateRequest]
    ) -> list[ua.MonitoredItemCreateResult]:
        """Creates monitored items, in as many calls as the server's limit makes necessary.

        Returns:
            One result for each request, in their order.
        """

        async def create(
            services: UaSession, piece: Sequence[ua.MonitoredItemCreateRequest]
        ) -> list[ua.MonitoredItemCreateResult]:
            parameters = ua.CreateMonitoredItemsParameters(
                SubscriptionId=subscription_id, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=list(piece)
            )
            try:
                return await services.create_monitored_items(parameters)
            except BadTooManyMonitoredItems as error:
                full = ua.MonitoredItemCreateResult(StatusCode=ua.StatusCode(ua.UInt32(error.code)))
                return [full] * len(piece)

        return await self.ask(create, requests, self.limits.monitored_items)

    async def delete_items(self, subscription_id: int, item_ids: Sequence[int]) -> None:
        """Takes monitored items away; those the server no longer knows are no error."""

        async def delete(services: UaSession, piece: Sequence[int]) -> list[ua.StatusCode]:
            parameters = ua.DeleteMonitoredItemsParameters(SubscriptionId=subscription_id, MonitoredItemIds=list(piece))
            return await services.delete_monitored_items(parameters)

        await self.ask(delete, item_ids, self.limits.monitored_items)

    async def republish(self, subscription_id: int, number: int) -> ua.NotificationMessage:
        """Asks for a message again. Raises asyncua's errors: whoever asks knows what a missing message means."""
        return await self.services.republish(subscription_id, number)

    def lose(self, status: int) -> None:
        """Takes note that the server ends a subscription, or all of us, with this StatusCode; a watcher then raises."""
        if not self._ended.done():
            self._ended.set_result(of_status(status))

    def watchers(self) -> tuple[Callable[[], Coroutine[Any, Any, NoReturn]], ...]:
        """Gives what must run beside the session for as long as it is used.

        Each raises `ConnectionLostError` as soon as the session is lost (ended, closed, silent, shut down, not renewed),
        whether or not TCP has noticed, and never returns.
        """
        return self._watch_end, self._watch_link, self._watch_silence, self._prove_alive, self._renew_channel

    @property
    def services(self) -> UaSession:
        """The services of the session as asyncua offers them; its errors are not yet in our words (`in_our_words`)."""
        return self._client.uaclient.session

    async def read_values(self, nodes: Sequence[ua.NodeId]) -> list[object]:
        """Reads the values of nodes, as asyncua decodes them; None for whatever cannot be read."""
        answers = await self.read_attributes(nodes, AttributeIds.Value)
        return [None if answer.Value is None else answer.Value.Value for answer in answers]

    async def read_attributes(self, nodes: Sequence[ua.NodeId], attribute: AttributeIds) -> list[ua.DataValue]:
        """Reads one attribute of each node."""
        return await self.ask(lambda services, piece: services.read_attributes(list(piece), attribute), nodes, self.limits.read)

    async def _watch_end(self) -> NoReturn:
        raise await self._ended

    async def _watch_link(self) -> NoReturn:
        async with self._client.subscribe_state() as states:
            await states.wait_for_state(UaClientState.DISCONNECTED)
        raise ConnectionLostError("the connection was closed by the other side")

    async def _watch_silence(self) -> NoReturn:
        while True:
            remaining_s = min((subscription.remaining_s() for subscription in self._subscriptions), default=LEAST_SILENCE_S)
            if remaining_s <= 0:
                raise ConnectionLostError("the server has gone silent: a subscription sends neither values nor keep-alives")
            await self._clock.sleep(remaining_s)

    async def _prove_alive(self) -> NoReturn:
        while True:
            await self._clock.sleep(self._client.session_timeout / 1000 / PROBES_PER_SESSION)
            (state,) = await self.read_values([_SERVER_STATE])
            if state == ua.ServerState.Shutdown:
                raise of_status(StatusCodes.BadShutdown)

    async def _renew_channel(self) -> NoReturn:
        while True:
            await self._clock.sleep(self._client.secure_channel_timeout / 1000 * RENEW_AFTER)
            with self._guard.naming_our_certificate(), in_our_words():
                await self._client.open_secure_channel(renew=True)
                self._client.uaclient.revolve_security_token()


async def _to_its_end(creating: Coroutine[Any, Any, AnswerT]) -> AnswerT:
    """Waits for the answer although cancelled meanwhile: a session the server has made and we do not know is never closed."""
    task = asyncio.ensure_future(creating)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait((task,), timeout=CLOSE_TIMEOUT_S)
        task.cancel()
        raise


def _one_each(asked: Sequence[object], answers: list[AnswerT]) -> list[AnswerT]:
    if len(answers) != len(asked):
        raise ConnectionLostError(f"the server gives {len(answers)} answers to {len(asked)} questions")
    return answers
