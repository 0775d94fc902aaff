"""One session with one server: a thin shell around asyncua that opens, asks, listens and always closes.

asyncua's own reconnecting stays off, as do its watchdogs: `connect()`, which starts them, is never called. Errors leave here in
our words (`errors.py`).
"""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.client.ua_session import UaSession
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.security_policies import SecurityPolicy as AsyncuaPolicy
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import BadTooManyOperations
from cryptography import x509

from ems_telemetry.clock import Clock
from ems_telemetry.connectors.opcua.errors import in_our_words, of_status
from ems_telemetry.connectors.opcua.file import OpcUaFile, Security, SecurityPolicy
from ems_telemetry.connectors.opcua.plan import chunk_size, subscription_parameters
from ems_telemetry.connectors.opcua.subscription import LEAST_SILENCE_S, Subscription, Upstream
from ems_telemetry.errors import ConnectionLostError, EmsTelemetryError, EndpointRefusedError

REQUEST_TIMEOUT_S = 5.0
CLOSE_TIMEOUT_S = 2.0
RENEW_AFTER = 0.75
"""Part of a secure channel's life after which it is renewed (OPC 10000-4, 5.5.2.1)."""
PROBES_PER_SESSION = 3

_POLICIES: dict[SecurityPolicy, type[AsyncuaPolicy]] = {
    SecurityPolicy.BASIC256SHA256: security_policies.SecurityPolicyBasic256Sha256,
    SecurityPolicy.AES128_SHA256_RSAOAEP: security_policies.SecurityPolicyAes128Sha256RsaOaep,
    SecurityPolicy.AES256_SHA256_RSAPSS: security_policies.SecurityPolicyAes256Sha256RsaPss,
}
_NAMESPACE_ARRAY = ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))
_SERVER_STATE = ua.NodeId(ua.Int32(ObjectIds.Server_ServerStatus_State))
_MAX_ITEMS_PER_CALL = ua.NodeId(ua.Int32(ObjectIds.Server_ServerCapabilities_OperationLimits_MaxMonitoredItemsPerCall))

AnswerT = TypeVar("AnswerT")


class Session:
    """Used once: `open`, then ask, then `close`, which is right at any moment and never raises for the server's sake."""

    def __init__(self, file: OpcUaFile, name: str, clock: Clock) -> None:
        self._file = file
        self._clock = clock
        self._subscriptions: list[Subscription] = []
        self._ended: asyncio.Future[EmsTelemetryError] = asyncio.get_running_loop().create_future()
        self._client = Client(file.endpoint, timeout=REQUEST_TIMEOUT_S)
        self._client.session_timeout = int(file.session_timeout * 1000)
        self._client.application_uri = f"urn:{socket.gethostname()}:ems-telemetry"
        self._client.product_uri = "urn:ems-telemetry"
        self._client.name = "ems-telemetry"
        self._client.description = f"ems-telemetry {name}"

    async def open(self) -> None:
        """Connects, protects the channel as the file says, and activates the session.

        Raises:
            ConnectionLostError: nobody there, or nobody answers.
            EndpointRefusedError: the server refuses us.
        """
        name, password = self._credentials()
        with in_our_words():
            await self._protect(self._file.security)
            await self._client.connect_socket()
            await self._client.send_hello()
            await self._client.open_secure_channel()
            await _to_its_end(self._client.create_session())
            await self._client.activate_session(name, password)

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
        (table,) = await self._read(_NAMESPACE_ARRAY)
        return [str(uri) for uri in table] if isinstance(table, list) else []

    async def read_items_per_call(self) -> int:
        """Tells how many monitored items may be created in one call."""
        (limit,) = await self._read(_MAX_ITEMS_PER_CALL)
        return chunk_size(limit)

    async def subscribe(self, publishing_interval_s: float, upstream: Upstream) -> Subscription:
        """Creates an empty subscription; what comes in goes to `upstream`."""
        subscription = Subscription(upstream, self._clock)
        parameters = subscription_parameters(publishing_interval_s, self._client.session_timeout / 1000)
        with in_our_words():
            subscription.begin(await self._services.create_subscription(parameters, subscription.receive))
        self._subscriptions.append(subscription)
        return subscription

    async def create_items(
        self, subscription_id: int, requests: Sequence[ua.MonitoredItemCreateRequest]
    ) -> list[ua.MonitoredItemCreateResult]:
        """Creates monitored items in one call, in more if the server finds that too many.

        Returns:
            One result for each request, in their order.
        """
        parameters = ua.CreateMonitoredItemsParameters(
            SubscriptionId=subscription_id, TimestampsToReturn=ua.TimestampsToReturn.Both, ItemsToCreate=list(requests)
        )
        with in_our_words():
            try:
                return _one_each(requests, await self._services.create_monitored_items(parameters))
            except BadTooManyOperations:
                if len(requests) == 1:
                    raise
        half = len(requests) // 2
        return [
            *await self.create_items(subscription_id, requests[:half]),
            *await self.create_items(subscription_id, requests[half:]),
        ]

    async def republish(self, subscription_id: int, number: int) -> ua.NotificationMessage:
        """Asks for a message again. Raises asyncua's errors: whoever asks knows what a missing message means."""
        return await self._services.republish(subscription_id, number)

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
    def _services(self) -> UaSession:
        return self._client.uaclient.session

    async def _read(self, *nodes: ua.NodeId) -> list[object]:
        with in_our_words():
            answers = await self._services.read_attributes(list(nodes), AttributeIds.Value)
        return [None if answer.Value is None else answer.Value.Value for answer in _one_each(nodes, answers)]

    def _credentials(self) -> tuple[str | None, str | None]:
        user = self._file.user
        if user is None:
            return None, None
        try:
            password = user.read_password()
        except OSError as error:
            raise EndpointRefusedError(f'the password file "{user.password_file}" cannot be read: {error.strerror}') from error
        return user.name, None if password is None else password.get_secret_value()

    async def _protect(self, security: Security) -> None:
        if security.policy is SecurityPolicy.NONE or security.certificate is None or security.key is None:
            return
        certificate = _read_pem_or_der(security.certificate)
        loaded = await uacrypto.load_certificate(certificate.path_or_content, certificate.extension)
        self._client.application_uri = application_uri_of(loaded) or self._client.application_uri
        await self._client.set_security(
            _POLICIES[security.policy],
            certificate=certificate,
            private_key=_read_pem_or_der(security.key),
            server_certificate=_read_pem_or_der(security.server_certificate) if security.server_certificate else None,
            mode=ua.MessageSecurityMode[security.mode.value],
        )

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
            (state,) = await self._read(_SERVER_STATE)
            if state == ua.ServerState.Shutdown:
                raise of_status(StatusCodes.BadShutdown)

    async def _renew_channel(self) -> NoReturn:
        while True:
            await self._clock.sleep(self._client.secure_channel_timeout / 1000 * RENEW_AFTER)
            with in_our_words():
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


def application_uri_of(certificate: x509.Certificate) -> str | None:
    """Finds the application URI a certificate is made for; servers refuse a session that names another one."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    return next(iter(names.get_values_for_type(x509.UniformResourceIdentifier)), None)


def _read_pem_or_der(path: Path) -> uacrypto.CertProperties:
    content = path.read_bytes()
    return uacrypto.CertProperties(content, "pem" if content.lstrip().startswith(b"-----BEGIN") else "der")


def _one_each(asked: Sequence[object], answers: list[AnswerT]) -> list[AnswerT]:
    if len(answers) != len(asked):
        raise ConnectionLostError(f"the server gives {len(answers)} answers to {len(asked)} questions")
    return answers
