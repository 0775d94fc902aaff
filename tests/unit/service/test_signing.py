"""The key that signs, looked at when the service starts."""

from collections.abc import Callable
from pathlib import Path

import pytest

from ems_telemetry.config.service import EvidenceSettings
from ems_telemetry.errors import PermanentError
from ems_telemetry.evidence.signing import SigningKey
from ems_telemetry.service.signing import open_pack_room


def test_without_a_key_nothing_is_signed() -> None:
    assert open_pack_room(EvidenceSettings()).key is None


def test_the_key_and_the_folder_are_those_of_the_settings(tmp_path: Path) -> None:
    key = SigningKey.make(tmp_path / "key.pem")
    room = open_pack_room(EvidenceSettings(signing_key=tmp_path / "key.pem", directory=tmp_path / "packs", max_packs=3))
    assert room.key is not None
    assert (room.key.public, room.directory, room.most) == (key.public, tmp_path / "packs", 3)


def no_file(_path: Path) -> None:
    pass


def no_key(path: Path) -> None:
    path.write_text("no key")
    path.chmod(0o600)


def readable(path: Path) -> None:
    SigningKey.make(path)
    path.chmod(0o644)


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (no_file, "evidence key make"),
        (no_key, "holds no private key"),
        (readable, "may be read by others"),
    ],
)
def test_a_key_that_cannot_be_used_ends_the_start_in_words(tmp_path: Path, prepare: Callable[[Path], None], words: str) -> None:
    prepare(tmp_path / "key.pem")
    with pytest.raises(PermanentError, match=words) as caught:
        open_pack_room(EvidenceSettings(signing_key=tmp_path / "key.pem"))
    assert str(caught.value).startswith("evidence.signing_key: ")
