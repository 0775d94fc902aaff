"""Which server a verb of `opcua` is about: a URL with its options, or a connector of the configuration or a file of one."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError

from ems_telemetry.cli.found import Found, find_configuration, find_connector_file
from ems_telemetry.cli.output import complain
from ems_telemetry.cli.passwords import ask_password
from ems_telemetry.config.load import read_connector
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.connectors.opcua.file import OpcUaFile
from ems_telemetry.errors import ConfigurationError, Problem

PASSWORD_VARIABLE = "OPCUA_PASSWORD"  # noqa: S105 - a name, not a password
PLACEHOLDER_SITE = "SITE"
EXAMPLE = "opc.tcp://host:4840"
_PLACEHOLDER = re.compile(r"\$\{\w+\}")
_PKI_WITHOUT_CONFIGURATION = Path("var/pki")

EndpointArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="ENDPOINT", help="opc.tcp://host:4840, or a connector of the configuration, or its file.")
]
SecurityOption: TypeAlias = Annotated[
    str | None, typer.Option("--security", metavar="POLICY:MODE", help="As Basic256Sha256:SignAndEncrypt; none if not said.")
]
UserOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--user", help=f"The user's name. The password: from --password-file, {PASSWORD_VARIABLE}, or asked for."),
]
PasswordFileOption: TypeAlias = Annotated[Path | None, typer.Option("--password-file", help="A file with the password alone.")]
ClearTextOption: TypeAlias = Annotated[
    bool, typer.Option("--allow-clear-text", help="Send the password even where nothing encrypts it.")
]


@dataclass(frozen=True, slots=True)
class Login:
    """What the options say of a connection."""

    security: str | None = None
    user: str | None = None
    password_file: Path | None = None
    allow_clear_text: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """A server, and the configuration around it as far as there is one."""

    file: OpcUaFile
    pki_directory: Path
    name: str | None
    """The connector's name, None for a URL."""
    security: Mapping[str, str]
    user: Mapping[str, str]
    """`security:` and `user:` as they are to stand in a file; nothing secret among them."""
    configuration: Found | None


def find_target(endpoint: str, config: Path, login: Login) -> Target:
    """Finds out which server is meant and how to speak to it; connects nowhere.

    Raises:
        ConfigurationError: there is no such connector, its file is wrong, or the options are.
    """
    found = find_configuration(config)
    pki = _PKI_WITHOUT_CONFIGURATION if found is None else found.settings.pki.directory
    if "://" in endpoint:
        target = _of_url(endpoint, pki, login, found)
    else:
        target = _of_connector(find_connector_file(endpoint, found, config, EXAMPLE), pki, login, found)
    if found is None and target.file.security.protects:
        complain(f"{config} is not there: certificates are looked for in {pki.absolute()}")
    return target


def _of_url(endpoint: str, pki: Path, login: Login, found: Found | None) -> Target:
    security, user = _security(login), _user(login)
    file = _checked({"type": "opcua", "endpoint": endpoint, "site": PLACEHOLDER_SITE, "security": security, **user})
    told = dict(user.get("user", {}))
    told.pop("password", None)
    return Target(file, pki, None, security, {key: _told(value) for key, value in told.items()}, found)


def _of_connector(path: Path, pki: Path, login: Login, found: Found | None) -> Target:
    types = find_file_models()
    document, file = read_connector(path, types)
    if not isinstance(file, OpcUaFile):
        raise ConfigurationError([document.problem(("type",), f"is a connector of type {file.type}, not opcua")])
    written = {key: document.data.get(key, {}) for key in ("security", "user")}
    changed: dict[str, Any] = {}
    if login.security is not None:
        changed["security"] = written["security"] = _security(login)
    if login.user is not None:
        changed |= _user(login)
        written["user"] = changed["user"]
    if changed:
        file = file.model_copy(
            update=_parts(_checked({"type": "opcua", "endpoint": file.endpoint, "site": file.site, **changed}), changed)
        )
    security = {key: _told(_from_here(path, key, value)) for key, value in written["security"].items()}
    user = {key: _told(_from_here(path, key, value)) for key, value in written["user"].items() if key != "password"}
    placeholder = document.written.get(("user", "password"), "")
    if login.user is None and _PLACEHOLDER.fullmatch(placeholder):
        user["password"] = placeholder
    return Target(file, pki, path.stem, security, user, found)


def _parts(file: OpcUaFile, changed: Mapping[str, Any]) -> dict[str, object]:
    return {key: getattr(file, key) for key in changed}


def _security(login: Login) -> dict[str, str]:
    if login.security is None:
        return {}
    policy, _, mode = login.security.partition(":")
    return {"policy": policy, "mode": mode or ("None" if policy == "None" else "SignAndEncrypt")}


def _user(login: Login) -> dict[str, dict[str, object]]:
    if login.user is None:
        return {}
    user: dict[str, object] = {"name": login.user}
    if login.password_file is not None:
        user["password_file"] = str(login.password_file)
    else:
        user["password"] = ask_password(login.user, PASSWORD_VARIABLE)
    if login.allow_clear_text:
        user["allow_clear_text"] = True
    return {"user": user}


def _checked(data: Mapping[str, object]) -> OpcUaFile:
    try:
        return OpcUaFile.model_validate(data)
    except ValidationError as error:
        problems = [Problem(None, None, str(detail.get("ctx", {}).get("error", detail["msg"]))) for detail in error.errors()]
        raise ConfigurationError(problems) from error


def _from_here(path: Path, key: str, value: object) -> object:
    """Gives a path that starts from a connector file as one that starts from the current folder."""
    is_path = key in {"password_file", "certificate", "key", "server_certificate"}
    return Path(path.parent, str(value)) if is_path else value


def _told(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
