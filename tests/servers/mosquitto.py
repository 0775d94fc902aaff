"""Debian's Mosquitto on a free loopback port, with a publisher to feed it."""

import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from servers.process import LOOPBACK, ServerProcess, free_port

MOSQUITTO = "/usr/sbin/mosquitto"
MOSQUITTO_PASSWD = "/usr/bin/mosquitto_passwd"
PUBLISH_TIMEOUT_S = 30.0

Sent = tuple[str, str | bytes]


class Mosquitto(ServerProcess):
    """A broker with sessions and messages kept on disk, so that a restart forgets nothing.

    `settings` are further lines of its configuration; `users` are names and passwords, without which everybody may connect;
    `saves_often`: after each change, which takes long with many messages; otherwise every half hour and when it ends.
    """

    def __init__(
        self, folder: Path, *, settings: Sequence[str] = (), users: dict[str, str] | None = None, saves_often: bool = True
    ) -> None:
        port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "mosquitto.conf"
        lines = [
            f"listener {port} {LOOPBACK}",
            "user root",  # it would give up the rights on the test's own folder
            "persistence true",
            f"persistence_location {folder}/",
            *(["autosave_interval 1", "autosave_on_changes true"] if saves_often else []),
            "max_inflight_messages 500",
            "max_queued_messages 0",
            "set_tcp_nodelay true",
            *_access(folder, users),
            *settings,
        ]
        configuration.write_text("\n".join(lines) + "\n")
        super().__init__([MOSQUITTO, "-c", str(configuration)], port, folder / "mosquitto.log")

    @property
    def endpoint(self) -> str:
        """As it stands in a connector file."""
        return f"mqtt://{LOOPBACK}:{self.port}"


def _access(folder: Path, users: dict[str, str] | None) -> list[str]:
    if users is None:
        return ["allow_anonymous true"]
    passwords = folder / "passwords"
    passwords.touch(mode=0o600)
    for name, password in users.items():
        subprocess.run([MOSQUITTO_PASSWD, "-b", passwords, name, password], check=True, capture_output=True)  # noqa: S603
    return ["allow_anonymous false", f"password_file {passwords}"]


class Publisher:
    """A client of its own that publishes and knows when the broker has taken the message over."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def send(self, topic: str, payload: str | bytes, *, qos: int = 1, retain: bool = False) -> None:
        """Returns when the broker has acknowledged it (or, at QoS 0, when it has been sent)."""
        self._client.publish(topic, payload, qos=qos, retain=retain).wait_for_publish(PUBLISH_TIMEOUT_S)

    def send_all(self, messages: Sequence[Sent], *, qos: int = 1) -> None:
        """Sends them in their order; returns when the broker has acknowledged every one."""
        sent = [self._client.publish(topic, payload, qos=qos) for topic, payload in messages]
        for each in sent:
            each.wait_for_publish(PUBLISH_TIMEOUT_S)


@contextlib.contextmanager
def publishing(port: int, user: tuple[str, str] | None = None) -> Iterator[Publisher]:
    """Connects a publisher for the length of a `with`."""
    client = Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(100)
    if user is not None:
        client.username_pw_set(*user)
    client.connect(LOOPBACK, port)
    client.loop_start()
    try:
        yield Publisher(client)
    finally:
        client.disconnect()
        client.loop_stop()
