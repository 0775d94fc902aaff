from uuid import UUID

from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from ems_telemetry.connectors.opcua.node_text import write_node
from ems_telemetry.connectors.opcua.nodes import parse_node
from ems_telemetry.connectors.opcua.plan import resolve

NAMESPACES = ("http://opcfoundation.org/UA/", "urn:own", "urn:plc:air", "http://plc/a;b%c%3B")
IDENTIFIERS = st.integers(0, 2**32 - 1) | st.text(min_size=1) | st.uuids() | st.binary(min_size=1)


@given(IDENTIFIERS, st.integers(0, len(NAMESPACES) - 1))
def test_an_id_is_found_again_by_its_text(identifier: int | str | UUID | bytes, index: int) -> None:
    node_id = ua.NodeId(identifier, index)  # type: ignore[arg-type]  # asyncua names its wire types, and takes plain ones
    assert resolve(parse_node(write_node(node_id, NAMESPACES)), NAMESPACES) == node_id


def test_a_namespace_is_written_by_its_uri() -> None:
    assert write_node(ua.NodeId("Air.Total", 2), NAMESPACES) == "nsu=urn:plc:air;s=Air.Total"  # type: ignore[arg-type]  # see above


def test_a_namespace_whose_uri_is_not_told_keeps_its_index() -> None:
    assert write_node(ua.NodeId(7, 9), NAMESPACES) == "ns=9;i=7"  # type: ignore[arg-type]  # see above


def test_no_text_stands_for_an_empty_identifier() -> None:
    assert write_node(ua.NodeId("", 2), NAMESPACES) == ""  # type: ignore[arg-type]  # see above
