"""Which broker a verb of `mqtt` is about: a URL with its options, or a connector of the configuration or a file of one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import ValidationError

from ems_telemetry.cli.found import Found, find_configuration, find_connector_file
from ems_telemetry.cli.passwords import ask_password
from ems_telemetry.config.load import read_connector
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.connectors.mqtt.file import MqttFile
from ems_telemetry.errors import ConfigurationError, Problem

PASSWORD_VARIABLE = "MQTT_PASSWORD"  # noqa: S105 - a name, not a password
PLACEHOLDER_SITE = "SITE"
EXAMPLE = "mqtt://host:1883"
PATHS = frozenset({"password_file", "ca", "certificate", "key"})

EndpointArgument: TypeAlias = Annotated[
    str,
    typer.Argument(metavar="ENDPOINT", help="mqtt://host:1883, or mqtts://, or a connector of the configuration, or its file."),
]
UserOption: TypeAlias = Annotated[
    str | None,
    typer.Option("--user", help=f"The user's name. The password: from --password-file, {PASSWORD_VARIABLE}, or asked for."),
]
PasswordFileOption: TypeAlias = Annotated[Path | None, typer.Option("--password-file", help="A file with the password alone.")]
CaOption: TypeAlias = Annotated[Path | None, typer.Option("--ca", help="Who vouches for the broker, for mqtts://; a PEM file.")]
CertificateOption: TypeAlias = Annotated[
    Path | None, typer.Option("--certificate", help="Who we are, where the broker asks for it; with --key.")
]
KeyOption: TypeAlias = Annotated[Path | None, typer.Option("--key", help="The private key of --certificate.")]


@dataclass(frozen=True, slots=True)
class Login:
    """What the options say of a connection."""

    user: str | None = None
    password_file: Path | None = None
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """A broker, and the configuration around it as far as there is one."""

    file: MqttFile
    user: Mapping[str, str]
    tls: Mapping[str, str]
    """`user:` and `tls:` as they are to stand in a file; nothing secret among them."""
    configuration: Found | None


def find_target(endpoint: str, config: Path, login: Login) -> Target:
    """Finds out which broker is meant and how to speak to it; connects nowhere.

    Raises:
        ConfigurationError: there is no such connector, its file is wrong, or the options are.
    """
    found = find_configuration(config)
    if "://" in endpoint:
        return _checked(endpoint, PLACEHOLDER_SITE, _user(login), _tls(login), found)
    return _of_connector(find_connector_file(endpoint, found, config, EXAMPLE), login, found)


def _of_connector(path: Path, login: Login, found: Found | None) -> Target:
    types = find_file_models()
    document, file = read_connector(path, types)
    if not isinstance(file, MqttFile):
        raise ConfigurationError([document.problem(("type",), f"is a connector of type {file.type}, not mqtt")])
    given = {
        key: {name: _from_here(path, name, value) for name, value in document.data.get(key, {}).items()}
        for key in ("user", "tls")
    }
    target = _checked(file.endpoint, file.site, _user(login) or given["user"], _tls(login) or given["tls"], found)
    placeholder = document.written.get(("user", "password"))
    user = {**target.user} if login.user is not None or placeholder is None else {**target.user, "password": placeholder}
    meters = file.model_copy(update={"user": target.file.user, "tls": target.file.tls})
    return Target(meters, user, target.tls, found)


def _checked(endpoint: str, site: str, user: Mapping[str, object], tls: Mapping[str, object], found: Found | None) -> Target:
    content: dict[str, Any] = {"type": "mqtt", "endpoint": endpoint, "site": site}
    content |= {key: given for key, given in (("user", user), ("tls", tls)) if given}
    try:
        file = MqttFile.model_validate(content)
    except ValidationError as error:
        problems = [Problem(None, None, str(detail.get("ctx", {}).get("error", detail["msg"]))) for detail in error.errors()]
        raise ConfigurationError(problems) from error
    told = {key: str(value) for key, value in user.items() if key != "password"}
    return Target(file, told, {key: str(value) for key, value in tls.items()}, found)


def _user(login: Login) -> dict[str, object]:
    if login.user is None:
        return {}
    if login.password_file is not None:
        return {"name": login.user, "password_file": str(login.password_file)}
    return {"name": login.user, "password": ask_password(login.user, PASSWORD_VARIABLE)}


def _tls(login: Login) -> dict[str, object]:
    given = {"ca": login.ca, "certificate": login.certificate, "key": login.key}
    return {key: str(path) for key, path in given.items() if path is not None}


def _from_here(path: Path, key: str, value: object) -> object:
    """Gives a path that starts from a connector file as one that starts from the current folder."""
    return str(Path(path.parent, str(value))) if key in PATHS else value
