"""What the broker's own log tells of messages that it sent again although it had promised not to. Pure.

At QoS 2 a broker that has sent PUBREL may not send the message again [MQTT-4.3.3]. Mosquitto 2.0 does, if the connection
breaks twice in a row after that. Whoever has forgotten the message by then, as it may, takes it for a new one.
"""

import re
from collections import Counter
from collections.abc import Iterable

_SENT = re.compile(r"Sending (PUBLISH|PUBREL) to (\S+) \((?:d(\d), q2, r\d, )?m(\d+)(?:, '([^']*)')?")


def sent_after_release(lines: Iterable[str]) -> Counter[str]:
    """Counts by topic the messages at QoS 2 that were sent again after their PUBREL."""
    released: set[tuple[str, str]] = set()
    counted: Counter[str] = Counter()
    for line in lines:
        found = _SENT.search(line)
        if found is None:
            continue
        word, client, is_again, packet_id, topic = found.groups()
        exchange = client, packet_id
        if word == "PUBREL":
            released.add(exchange)
        elif exchange in released:
            released.discard(exchange)
            counted[topic] += is_again == "1"
    return counted
