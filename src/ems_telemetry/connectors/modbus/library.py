"""Finds profiles by their names: those of the plant, in `profiles` beside its files, before those that are shipped."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from ems_telemetry.config.document import read_document
from ems_telemetry.config.problems import explain, nearest
from ems_telemetry.config.quantities import QUANTITIES, Quantities, Quantity
from ems_telemetry.connectors.modbus.profile import Profile
from ems_telemetry.errors import ConfigurationError
from ems_telemetry.shipped import shipped

FOLDER = "profiles"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*/[a-z0-9][a-z0-9._-]*")
_REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class KnownProfile:
    """A profile that was found: its name, as `eastron/sdm630`, its file, and the quantities it may name."""

    name: str
    path: Path
    quantities: Quantities = field(default_factory=lambda: QUANTITIES, repr=False, compare=False)

    def read(self) -> Profile:
        """Reads and checks it.

        Raises:
            ConfigurationError: with every problem in it, each with its line.
        """
        return _read(self.path, self.path.stat().st_mtime_ns, tuple(self.quantities.values()))


class Library:
    """All profiles that a connector file may name."""

    def __init__(self, folder: Path | None = None, quantities: Quantities = QUANTITIES) -> None:
        """Takes the folder of the connector files, whose own profiles come first, and what the plant can measure."""
        self._quantities = quantities
        own = [] if folder is None else [folder / FOLDER]
        self._folders: Sequence[Path] = (*own, shipped("connectors") / FOLDER)

    def find(self, name: str) -> KnownProfile:
        """Finds a profile.

        Raises:
            ValueError: there is none of this name, or its name leads elsewhere.
        """
        if _NAME.fullmatch(name):
            for folder in self._folders:
                path = folder / f"{name}.yaml"
                if path.is_file():
                    return KnownProfile(name, path, self._quantities)
        raise ValueError(f"{self._remedy(name)}; `ems-telemetry profiles list` shows all")

    def all(self) -> Iterator[KnownProfile]:
        """Gives every profile once, by its name."""
        found: dict[str, Path] = {}
        for folder in reversed(self._folders):
            found |= {str(path.relative_to(folder).with_suffix("")): path for path in folder.glob("*/*.yaml")}
        return (KnownProfile(name, found[name], self._quantities) for name in sorted(found))

    def _remedy(self, name: str) -> str:
        """Somebody who knows the model need not know how its maker is written; all names are too many for a message."""
        names = [profile.name for profile in self.all()]
        of_model = [known for known in names if known.partition("/")[2] == name.lower()]
        meant = of_model[0] if of_model else nearest(name, names)
        return f'profile "{name}" is not known' + (f"; did you mean {meant}?" if meant else "")


@lru_cache(_REMEMBERED)
def _read(path: Path, _changed_ns: int, quantities: tuple[Quantity, ...]) -> Profile:
    document = read_document(path, {})
    try:
        return Profile.model_validate(document.data, context={"quantities": {one.name: one for one in quantities}})
    except ValidationError as error:
        raise ConfigurationError(explain(error, document, Profile)) from error
