"""Payloads as people can read them: JSON, text, or bytes in hexadecimal."""

import json

_BYTES_A_LINE = 16


def readable(payload: bytes) -> str:
    """Writes a payload for people: JSON indented, other text as it is, everything else in hexadecimal."""
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return _in_hexadecimal(payload)
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except ValueError:
        return text if text.isprintable() or "\n" in text else _in_hexadecimal(payload)


def _in_hexadecimal(payload: bytes) -> str:
    lines = (payload[start : start + _BYTES_A_LINE] for start in range(0, len(payload), _BYTES_A_LINE))
    return "\n".join(
        f"{number * _BYTES_A_LINE:06x}  {line.hex(' '):{3 * _BYTES_A_LINE}} {''.join(map(_character, line))}"
        for number, line in enumerate(lines)
    )


def _character(byte: int) -> str:
    return chr(byte) if chr(byte).isascii() and chr(byte).isprintable() else "."
