import base64
from uuid import UUID

import pytest

from ems_telemetry.connectors.opcua.nodes import NodeAddress, parse_node


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("i=2258", NodeAddress(0, 2258)),
        ("ns=2;i=1001", NodeAddress(2, 1001)),
        ("ns=2;s=Air.Total", NodeAddress(2, "Air.Total")),
        ("ns=3;s=a;b=c", NodeAddress(3, "a;b=c")),
        ('ns=3;s="DB_Energy"."Total"', NodeAddress(3, '"DB_Energy"."Total"')),
        ("nsu=urn:plc:air;s=Air.Total", NodeAddress("urn:plc:air", "Air.Total")),
        ("nsu=http://plc/a%3Bb%25c;i=7", NodeAddress("http://plc/a;b%c", 7)),
        ("ns=1;g=09087e75-8e5e-499b-954f-f2a9603db28a", NodeAddress(1, UUID("09087e75-8e5e-499b-954f-f2a9603db28a"))),
        (
            "ns=1;b=M/RbKBsRVkePCePcx24oRA==",
            NodeAddress(1, base64.b64decode("M/RbKBsRVkePCePcx24oRA==")),
        ),
    ],
)
def test_every_form_of_a_node_id_is_read(text: str, address: NodeAddress) -> None:
    assert parse_node(text) == address


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("Air.Total", "is not a node id"),
        ("ns=two;s=Air.Total", "is not a node id"),
        ("ns=2;s=", "is not a node id"),
        ("ns=70000;s=A", "at most 65535"),
        ("ns=2;i=-1", "whole number"),
        ("i=4294967296", "whole number"),
        ("g=not-a-guid", "takes a GUID"),
        ("b=?", "takes Base64"),
    ],
)
def test_what_is_no_node_id_is_refused_with_what_it_should_be(text: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        parse_node(text)
