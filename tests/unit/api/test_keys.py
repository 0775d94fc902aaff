"""The form of keys."""

import pytest

from ems_telemetry.storage.keys import take_apart

ID, SECRET = "3f9a1c2b7d40", "0123456789abcdef" * 4


def test_a_key_is_taken_apart_into_its_id_and_the_digest_of_its_secret() -> None:
    parts = take_apart(f"ems_{ID}_{SECRET}")
    assert parts is not None
    assert parts.id == ID
    assert len(parts.secret_sha256) == 32
    assert SECRET not in repr(parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ems",
        "ems__",
        f"ems_{ID}",
        f"ems_{ID}_",
        f"sme_{ID}_{SECRET}",
        f"ems_{ID}_{SECRET}0",
        f"ems_{ID}_{SECRET[:-1]}",
        f"ems_{ID.upper()}_{SECRET}",
        f"ems_{ID}_{SECRET[:-1]}é",
        f"ems_{ID}_{SECRET} ",
    ],
)
def test_nothing_else_is_a_key(text: str) -> None:
    assert take_apart(text) is None
