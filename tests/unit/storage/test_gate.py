"""The database rests when writing is paused and everybody who wrote has left."""

from ems_telemetry.storage.gate import Gate


def test_it_is_at_rest_when_it_is_shut_and_the_last_one_has_left() -> None:
    gate = Gate()
    with gate.inside():
        with gate.inside():
            gate.shut()
            assert not gate.at_rest.is_set()
        assert not gate.at_rest.is_set()
    assert gate.at_rest.is_set()


def test_an_open_gate_is_never_at_rest() -> None:
    gate = Gate()
    with gate.inside():
        pass
    assert not gate.at_rest.is_set()
    gate.shut()
    assert gate.at_rest.is_set()
    gate.open()
    assert not gate.at_rest.is_set()


def test_who_enters_a_shut_gate_all_the_same_is_waited_for() -> None:
    """A request may have looked just before."""
    gate = Gate()
    gate.shut()
    with gate.inside():
        assert not gate.at_rest.is_set()
    assert gate.at_rest.is_set()
