"""What connectors have in common is made once, by the first who asks."""

from ems_telemetry.connectors.contract import Shared


def test_the_first_to_ask_makes_it_and_the_others_get_the_same() -> None:
    shared, made = Shared(), []

    def make() -> list[int]:
        made.append(1)
        return []

    first = shared.once((list, "a"), make)
    assert shared.once((list, "a"), make) is first
    assert shared.once((list, "b"), make) is not first
    assert len(made) == 2


def test_two_services_share_nothing() -> None:
    assert Shared().once("a", object) is not Shared().once("a", object)


def test_nothing_is_made_before_somebody_asks_and_nothing_is_kept_of_a_failure() -> None:
    shared = Shared()

    def fail() -> int:
        raise ValueError

    for _ in range(2):
        try:
            shared.once("a", fail)
        except ValueError:
            continue
    assert shared.once("a", lambda: 3) == 3
