"""What tells the models of the library from each other: the proofs of all profiles that have one."""

from collections.abc import Iterator, Mapping

from pydantic import ValidationError

from ems_telemetry.connectors.modbus.file import ModbusFile
from ems_telemetry.connectors.modbus.library import Library
from ems_telemetry.connectors.modbus.profile import Profile
from ems_telemetry.connectors.modbus.proof import Proof, proofs_of
from ems_telemetry.errors import ConfigurationError


def recognisable(library: Library) -> Mapping[str, Proof]:
    """Gives the proof of each profile that has one, by its name; a profile with mistakes is passed over."""
    return dict(_proofs(library))


def _proofs(library: Library) -> Iterator[tuple[str, Proof]]:
    for known in library.all():
        try:
            file = example_file(known.name, known.read())
        except (ConfigurationError, ValidationError):
            continue
        for proof in proofs_of(file, file.meters[0]):
            yield known.name, proof


def example_file(name: str, profile: Profile) -> ModbusFile:
    """Makes a file with one meter of a profile, its parameters as they are if nobody says them, or else the first choice."""
    settings = {
        key: parameter.default if parameter.default is not None else (*parameter.choices, 1)[0]
        for key, parameter in profile.parameters.items()
    }
    meter = {"id": "M", "unit_id": 1, "profile": name, "parameters": {key: _plain(one) for key, one in settings.items()}}
    return ModbusFile.model_validate({"type": "modbus", "endpoint": "tcp://127.0.0.1", "site": "S", "meters": [meter]})


def _plain(setting: object) -> object:
    return setting if isinstance(setting, str) else float(str(setting))
