"""Node ids of a session as text that outlives it: with the URI of their namespace, as `nodes.py` reads them."""

import base64
from collections.abc import Sequence
from uuid import UUID

from asyncua import ua


def write_node(node_id: ua.NodeId, namespaces: Sequence[str]) -> str:
    """Writes a node id.

    Args:
        node_id: as the server gave it in this session.
        namespaces: the server's namespace table of this session.

    Returns:
        As `nsu=urn:plc:air;s=Air.Total`; with `ns=` where the server does not tell the URI, and without for the standard's own
        nodes. Empty for an identifier that is empty: no text stands for it.
    """
    identifier = _write_identifier(node_id.Identifier)
    return f"{_write_namespace(node_id.NamespaceIndex, namespaces)}{identifier}" if identifier else ""


def _write_namespace(index: int, namespaces: Sequence[str]) -> str:
    if index == 0:
        return ""
    uri = namespaces[index] if index < len(namespaces) else ""
    return f"nsu={uri.replace('%', '%25').replace(';', '%3B')};" if uri else f"ns={index};"


def _write_identifier(identifier: object) -> str:
    match identifier:
        case int():
            return f"i={identifier}"
        case UUID():
            return f"g={identifier}"
        case bytes():
            return f"b={base64.b64encode(identifier).decode()}" if identifier else ""
        case _:
            return f"s={identifier}" if identifier else ""
