"""Times as clients and people on the command line write them."""

import re
from datetime import UTC, datetime

_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?(?P<zone>[Zz]|[+-]\d\d:\d\d)?", re.ASCII)
_LOST_PLUS = re.compile(r".*\d \d\d:\d\d", re.ASCII)


def parse_time(text: object) -> datetime:
    """Reads an RFC 3339 time with its zone, into UTC.

    Raises:
        ValueError: in words for the client.
    """
    text_ = str(text)
    match = _RFC_3339.fullmatch(text_)
    if match is None:
        if _LOST_PLUS.fullmatch(text_) and _RFC_3339.fullmatch("+".join(text_.rsplit(" ", 1))):
            raise ValueError('has lost its "+" on the way; write it as %2B in a URL, or give the time in UTC with Z')
        raise ValueError("is not an RFC 3339 time; write it as 2026-03-02T10:00:00Z or 2026-03-02T11:00:00%2B01:00")
    if match["zone"] is None:
        raise ValueError(f"does not say its zone; write {text_.replace(' ', 'T')}Z for UTC, or add an offset as %2B01:00")
    try:
        return datetime.fromisoformat(text_.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise ValueError("names no day or hour there is") from error
