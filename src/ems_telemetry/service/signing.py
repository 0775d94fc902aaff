"""The key that signs checkpoints and packs, as the settings name it."""

from ems_telemetry.config.service import EvidenceSettings
from ems_telemetry.errors import PermanentError
from ems_telemetry.evidence.signing import KeyFileError, SigningKey
from ems_telemetry.records.packing.maker import PackRoom


def open_pack_room(settings: EvidenceSettings) -> PackRoom:
    """Gives where packs are kept, and the key. Raises as `load_signing_key` does."""
    return PackRoom(settings.directory, settings.max_packs, load_signing_key(settings))


def load_signing_key(settings: EvidenceSettings) -> SigningKey | None:
    """Reads the key; None where none is configured.

    Raises:
        PermanentError: the file is not there, is no key, or may be read by others; says what to do.
    """
    if settings.signing_key is None:
        return None
    try:
        return SigningKey.load(settings.signing_key)
    except KeyFileError as error:
        raise PermanentError(
            f"evidence.signing_key: {error}; make a key with `ems-telemetry evidence key make {settings.signing_key}`, "
            "or leave the setting out: nothing is signed then"
        ) from error
