"""Cursors: where a list goes on. Opaque to clients, and bound to the list and the filters they were made for.

A cursor holds the key of the last item given, so that what is inserted meanwhile neither hides nor repeats another item.
"""

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import TypeVar

import msgspec

from ems_telemetry.api.problem import wrong_parameter

VERSION = 1
NOT_OURS = "is not a cursor of this list; take it as it stands in `next` or in the Link header, or leave it out to begin anew"
OTHER_REQUEST = "belongs to a request with another path or other filters; repeat those, or leave it out to begin anew"

KeyT = TypeVar("KeyT")


class _Cursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    version: int
    request: str
    key: msgspec.Raw


def fingerprint(path: str, filters: Mapping[str, str]) -> str:
    """Tells requests apart that list different things: by path and filters, whatever their order."""
    text = "\n".join([path, *(f"{name}={value}" for name, value in sorted(filters.items()))])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def encode_cursor(request: str, key: object) -> str:
    """Writes a cursor.

    Args:
        request: the fingerprint of the request it continues.
        key: what the list is ordered by, of the last item given: words, times, ids.
    """
    content = msgspec.json.encode(_Cursor(VERSION, request, msgspec.Raw(msgspec.json.encode(key))))
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def decode_cursor(text: str, request: str, key_type: type[KeyT]) -> KeyT:
    """Reads a cursor back.

    Raises:
        ApiError: it is none of ours, or it continues another request.
    """
    try:
        content = base64.urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4))
        cursor = msgspec.json.decode(content, type=_Cursor)
        if cursor.version != VERSION:
            raise wrong_parameter("cursor", text, NOT_OURS)
        if cursor.request != request:
            raise wrong_parameter("cursor", text, OTHER_REQUEST)
        return msgspec.json.decode(cursor.key, type=key_type)
    except (binascii.Error, msgspec.MsgspecError, UnicodeError) as error:
        raise wrong_parameter("cursor", text, NOT_OURS) from error
