"""paho's client, set up as this connector needs it: nothing acknowledged by itself, no reconnecting, no threads.

What of paho is not public is used here alone; `tests/integration/mqtt/test_client.py` fails if it changes.
"""

from collections.abc import Callable

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from ems_telemetry.connectors.mqtt.file import MqttFile, Version
from ems_telemetry.connectors.mqtt.tls import make_context
from ems_telemetry.errors import EndpointRefusedError

REACH_TIMEOUT_S = 5.0
"""Bound for the TCP connection to one address, and again for the TLS handshake."""


_AT_LEAST_ONCE, _EXACTLY_ONCE = 1, 2
ONLINE, OFFLINE = b"online", b"offline"


class PatientClient(Client):
    """paho's client, except that a message of QoS 2 is confirmed when we say so, and not when it comes in.

    paho answers such a message with PUBREC at once, upon which the broker forgets its payload, and hands it on only at PUBREL:
    whoever dies in between has lost it. Here it is handed on when it comes, `ack` sends the PUBREC, and `complete` the PUBCOMP
    after `on_release` has told of the PUBREL. Why so: docs/adr/0016-mqtt-qos-2.md.
    """

    on_release: Callable[[int], None] = staticmethod(lambda _packet_id: None)

    def ack(self, mid: int, qos: int) -> MQTTErrorCode:
        """Tells the broker that a message is safe: PUBACK, or PUBREC."""
        return super()._send_pubrec(mid) if qos == _EXACTLY_ONCE else super().ack(mid, qos)

    def complete(self, mid: int) -> MQTTErrorCode:
        """Tells the broker that it may give the packet id of a message of QoS 2 to another one."""
        return super().ack(mid, _EXACTLY_ONCE)

    def _send_pubrec(self, mid: int) -> MQTTErrorCode:
        del mid  # it was paho's to send; `ack` does
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _handle_publish(self) -> MQTTErrorCode:
        code = super()._handle_publish()
        while self._in_messages:  # where paho keeps messages of QoS 2 until PUBREL
            self._handle_on_message(self._in_messages.popitem()[1])
        return code

    def _handle_pubrel(self) -> MQTTErrorCode:
        code = super()._handle_pubrel()
        self.on_release(int.from_bytes(self._in_packet["packet"][:2], "big"))
        return code


def make_client(file: MqttFile, client_id: str, version: Version, *, is_durable: bool = True) -> PatientClient:
    """Makes a client; one that is durable keeps its session at the broker. Reads the files of secrets and certificates.

    Raises:
        EndpointRefusedError: a file cannot be used.
    """
    client = PatientClient(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if version is Version.V5 else MQTTProtocolVersion.MQTTv311,
        clean_session=None if version is Version.V5 else not is_durable,
        reconnect_on_failure=False,
        manual_ack=True,
    )
    client.connect_timeout = REACH_TIMEOUT_S
    if file.status_topic is not None:
        client.will_set(file.status_topic, OFFLINE, _AT_LEAST_ONCE, retain=True)
    try:
        if file.user is not None:
            password = file.user.read_password()
            client.username_pw_set(file.user.name, None if password is None else password.get_secret_value())
        if not file.is_plain:
            client.tls_set_context(make_context(file.tls))
    except OSError as error:
        raise EndpointRefusedError(f'a file under "user" or "tls" cannot be used: {error}') from error
    return client


def reach(client: Client, file: MqttFile, version: Version, *, is_durable: bool = True) -> None:
    """Connects and sends CONNECT; blocks, so it runs on a thread. The broker's answer is read later.

    Raises:
        OSError: name, network or TLS.
    """
    keepalive_s = round(file.keepalive)
    if version is not Version.V5:
        client.connect(file.host, file.port, keepalive_s)
        return
    properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho has not annotated it
    properties.SessionExpiryInterval = round(file.session_expiry) if is_durable else 0
    properties.ReceiveMaximum = file.receive_maximum
    client.connect(file.host, file.port, keepalive_s, clean_start=not is_durable, properties=properties)


def abandon(client: Client) -> None:
    """Makes a client that another thread still connects give up before it says anything to the broker."""

    def refuse(*_: object) -> None:
        raise ConnectionAbortedError

    client.on_socket_open = refuse


def subscriptions(filters: list[str], qos: int, version: Version) -> list[tuple[str, int]] | list[tuple[str, SubscribeOptions]]:
    """Puts subscriptions in the form of a version. MQTT 5 sends retained messages for new subscriptions only."""
    if version is not Version.V5:
        return [(each, qos) for each in filters]
    options = SubscribeOptions(qos=qos, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
    return [(each, options) for each in filters]
