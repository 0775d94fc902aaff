"""The broker's log convicts it of what it sent again, and of nothing else."""

from chaos.broker_log import sent_after_release


def publish(packet_id: int, *, again: bool, topic: str = "a", qos: int = 2) -> str:
    return f"1: Sending PUBLISH to c (d{int(again)}, q{qos}, r0, m{packet_id}, '{topic}', ... (2 bytes))"


def release(packet_id: int) -> str:
    return f"1: Sending PUBREL to c (m{packet_id})"


def test_a_message_sent_again_after_its_release_counts() -> None:
    assert sent_after_release([publish(1, again=False), release(1), publish(1, again=True)]) == {"a": 1}


def test_one_sent_again_before_its_release_is_as_it_should_be() -> None:
    assert not +sent_after_release([publish(1, again=False), publish(1, again=True), release(1), release(1)])


def test_so_is_a_new_message_by_a_packet_id_that_is_free_again() -> None:
    lines = [publish(1, again=False), release(1), publish(1, again=False, topic="b"), publish(1, again=True, topic="b")]
    assert not +sent_after_release(lines)


def test_and_everything_at_another_qos_or_by_another_packet_id() -> None:
    assert not +sent_after_release([release(1), publish(1, again=True, qos=1), publish(2, again=True), "2: Saving"])
