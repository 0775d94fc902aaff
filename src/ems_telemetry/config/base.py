"""What every checked piece of configuration shares: frozen, and closed to keys it does not know."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, GetJsonSchemaHandler, SecretStr, StringConstraints, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from ems_telemetry.config.field_texts import text_of
from ems_telemetry.config.quantities import QUANTITIES, Quantities

Identifier: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=64)]
"""A name that ends up in keys, URLs and topics: letters, digits, `_` and `-`, beginning with a letter or digit."""


class FilesRead:
    """The further files that the checking of a file reads: what is in them belongs to what the file says."""

    def __init__(self) -> None:
        self._secret: dict[Path, None] = {}
        self._plain: dict[Path, None] = {}

    @property
    def secret(self) -> Iterable[Path]:
        """Those that hold a secret: what is in them is shown and kept nowhere."""
        return tuple(self._secret)

    @property
    def plain(self) -> Iterable[Path]:
        """Those that anybody may see."""
        return tuple(self._plain)

    def note_secret(self, path: Path) -> None:
        """Takes note of a file that holds a secret."""
        self._secret[path] = None

    def note_plain(self, path: Path) -> None:
        """Takes note of a file without one."""
        self._plain[path] = None


def files_read(info: ValidationInfo) -> FilesRead:
    """Gives whoever checks a piece of a file the place where to note the files it reads."""
    found = (info.context or {}).get("files")
    return found if isinstance(found, FilesRead) else FilesRead()


def known_quantities(info: ValidationInfo) -> Quantities:
    """Gives whoever checks a piece of a file the quantities of the plant, or where none is at hand those of every plant."""
    found: Quantities = (info.context or {}).get("quantities", QUANTITIES)
    return found


def _relative_to_its_file(path: Path, info: ValidationInfo) -> Path:
    folder = (info.context or {}).get("folder")
    return path if folder is None else Path(folder, path)


def _readable_secret(path: Path, info: ValidationInfo) -> Path:
    files_read(info).note_secret(path)
    return _readable(path)


def _readable_by_all(path: Path, info: ValidationInfo) -> Path:
    files_read(info).note_plain(path)
    return _readable(path)


def _readable(path: Path) -> Path:
    try:
        with path.open("rb"):
            return path
    except OSError as error:
        message = f'the file "{path}" cannot be read: {error.strerror}'
        raise ValueError(message) from error


FilePath: TypeAlias = Annotated[Path, AfterValidator(_relative_to_its_file)]
"""A path; a relative one starts from the folder of the file that names it."""

SecretFile: TypeAlias = Annotated[Path, AfterValidator(_relative_to_its_file), AfterValidator(_readable_secret)]
"""A file that holds a secret alone; it must be readable when the configuration is checked."""

PlainFile: TypeAlias = Annotated[Path, AfterValidator(_relative_to_its_file), AfterValidator(_readable_by_all)]
"""A file without a secret; it must be readable when the configuration is checked."""


def read_secret(secret: SecretStr | None, file: Path | None) -> SecretStr | None:
    """Gives a secret that stands in the configuration or in a file; the file's last line break is not part of it.

    Raises:
        OSError: the file has gone since the configuration was checked.
    """
    if file is not None:
        return SecretStr(file.read_text().rstrip("\r\n"))
    return secret


class Model(BaseModel):
    """A piece of a configuration file. Unknown keys are errors; defaults are not validated again.

    A validator is made when it is first needed: most pieces are only parts of others, and need none of their own.
    """

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True, hide_input_in_errors=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = super().__get_pydantic_json_schema__(core_schema, handler)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            text = text_of(cls, name)
            if text is not None and (shown := properties.get(field.alias or name)) is not None:
                shown.setdefault("description", text)
        return schema
