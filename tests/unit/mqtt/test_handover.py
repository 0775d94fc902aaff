"""Acknowledgements keep the order in which messages arrived."""

from hypothesis import given
from hypothesis import strategies as st
from unit.mqtt.meters import message

from ems_telemetry.connectors.mqtt.handover import Acknowledgements
from ems_telemetry.connectors.mqtt.message import Message


def numbered(*numbers: int) -> list[Message]:
    return [message("", packet_id=number) for number in numbers]


def test_a_message_that_waits_holds_back_those_after_it() -> None:
    given_: list[int] = []
    acknowledgements = Acknowledgements(lambda each: given_.append(each.packet_id))
    for each in numbered(1, 2, 3, 4):
        acknowledgements.owe(each)
    acknowledgements.settle(numbered(2, 4))
    assert (given_, acknowledgements.held_back) == ([], 2)
    acknowledgements.settle(numbered(1))
    assert (given_, acknowledgements.held_back) == ([1, 2], 1)
    acknowledgements.settle(numbered(3))
    assert (given_, acknowledgements.held_back) == ([1, 2, 3, 4], 0)


def test_messages_at_qos_0_owe_nothing() -> None:
    given_: list[Message] = []
    acknowledgements = Acknowledgements(given_.append)
    fleeting = message("", qos=0, packet_id=0)
    acknowledgements.owe(fleeting)
    acknowledgements.settle([fleeting])
    assert (given_, acknowledgements.held_back) == ([], 0)


@given(st.permutations(range(1, 20)))
def test_all_are_given_in_order_whatever_the_order_of_storing(order: list[int]) -> None:
    given_: list[int] = []
    acknowledgements = Acknowledgements(lambda each: given_.append(each.packet_id))
    for each in numbered(*range(1, 20)):
        acknowledgements.owe(each)
    for number in order:
        acknowledgements.settle(numbered(number))
        assert given_ == list(range(1, len(given_) + 1))
    assert given_ == list(range(1, 20))
