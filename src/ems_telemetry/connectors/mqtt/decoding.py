"""What turns messages into samples, as a port: routes by topic (`routes.py`), or a host of Sparkplug (`sparkplug/host.py`)."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ems_telemetry.connectors.mqtt.message import Message
from ems_telemetry.connectors.mqtt.payload import Refusal
from ems_telemetry.model import Sample


class Change(NamedTuple):
    """Something that a decoder has learnt and must still know after a restart. A higher `version` of a key is the later one."""

    key: str
    version: int
    content: object


class Outcome(NamedTuple):
    """What became of one message."""

    message: Message
    samples: Sequence[Sample] = ()
    refusals: Sequence[Refusal] = ()
    needs_receipt: bool = False
    """True if storing it twice would not be harmless: something in it has no time of its own."""
    changes: Sequence[Change] = ()
    """To be kept once the rest is durable."""
    is_unwanted: bool = False
    """True if the message came by a subscription that the file no longer asks for."""


class Command(NamedTuple):
    """A message to be published, at QoS 0."""

    topic: str
    payload: bytes


class Decoder(Protocol):
    """Turns messages into samples. One per connector; all its methods run on the event loop.

    `open` is called before each session and does its work once; `receive`, `release` and `commands` may be called after it, and
    `end` when a session is over. Every message given to `receive` comes back exactly once, decoded, from that call or a later
    one; only `end` keeps back what the broker will send again. `close` may be called in any state, and twice.
    """

    @property
    def filters(self) -> Sequence[str]:
        """The subscriptions that bring all messages wanted."""
        ...

    @property
    def due_s(self) -> float | None:
        """When `release` or `commands` should be called next, on the monotonic clock; None if nothing waits."""
        ...

    async def open(self) -> None:
        """Makes it ready.

        Raises:
            TransientError: not possible now.
        """
        ...

    def receive(self, message: Message) -> Sequence[Outcome]:
        """Takes a message in, in the order of arrival; gives what is ready now, which may be nothing, or earlier ones."""
        ...

    def release(self, *, at_once: bool = False) -> Sequence[Outcome]:
        """Gives what has waited long enough; all that wait if `at_once`."""
        ...

    def end(self) -> Sequence[Outcome]:
        """Gives what waits and will not come again, since the session is over."""
        ...

    def commands(self) -> Sequence[Command]:
        """Gives what is to be published now."""
        ...

    async def keep(self, changes: Sequence[Change]) -> bool:
        """Makes changes durable; False if that is not possible now."""
        ...

    def silent(self) -> Mapping[str, Sequence[str]]:
        """Gives the points of which nothing has come so far, by their topics; under "" those whose messages do come."""
        ...

    async def close(self) -> None:
        """Lets go of what `open` opened, and tells what is not yet told."""
        ...
