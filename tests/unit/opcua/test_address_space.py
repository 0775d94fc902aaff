import pytest
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.address_space import FoundNode, Selection, read_path, write_path


def node(*names: str) -> FoundNode:
    return FoundNode("i=1", names, names[-1])


@given(st.lists(st.text(min_size=1, max_size=8), max_size=5).map(tuple))
def test_a_path_is_read_as_it_was_written(names: tuple[str, ...]) -> None:
    assert read_path(write_path(names)) == names


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("/Works/Boiler", True),
        ("/works/boiler/pressure", True),
        ("/Works/*/Pressure", True),
        ("/Works/**", True),
        ("/**/Pressure", True),
        ("**/Pressure", True),
        ("Press*", True),
        ("Boiler", True),
        ("/Boiler", False),
        ("/Works/Boiler/Pressure/Max", False),
        ("/*/Pressure", False),
        ("Pres", False),
        ("/Works/[B]oiler", True),
    ],
)
def test_patterns_choose_nodes_and_what_is_below_them(pattern: str, matches: bool) -> None:  # noqa: FBT001 - a parameter of the table
    assert Selection([pattern]).wants(node("Works", "Boiler", "Pressure")) is matches
    assert Selection((), [pattern]).wants(node("Works", "Boiler", "Pressure")) is not matches


def test_without_patterns_everything_is_wanted() -> None:
    assert Selection().wants(node("a"))


def test_names_with_slashes_are_one_step() -> None:
    assert Selection(["/Halle 2&/Süd/*"]).wants(node("Halle 2/Süd", "Zähler"))
    assert not Selection(["/Halle 2/*/*"]).wants(node("Halle 2/Süd", "Zähler"))
