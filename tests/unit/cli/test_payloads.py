import pytest

from ems_telemetry.cli.payloads import readable


@pytest.mark.parametrize(
    ("payload", "shown"),
    [
        (b'{"a":1,"b":"\xc3\xa9"}', '{\n  "a": 1,\n  "b": "é"\n}'),
        (b"offline", "offline"),
        (b"two\nlines", "two\nlines"),
        (b"", ""),
        (b"\xff\x00A", "000000  ff 00 41                                         ..A"),
        (b"\x01\x02", "000000  01 02                                            .."),
    ],
)
def test_a_payload_is_shown_as_json_as_text_or_in_hexadecimal(payload: bytes, shown: str) -> None:
    assert readable(payload) == shown


def test_many_bytes_stand_in_lines_with_their_place() -> None:
    assert [line[:8] for line in readable(bytes(range(200, 240))).splitlines()] == ["000000  ", "000010  ", "000020  "]
