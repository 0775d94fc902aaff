"""The way from the service file to the API of the running service, with a key and over TLS where these are wanted."""

import http.client
import json
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import SecretStr

from ems_telemetry.config.service import ApiSettings, Settings
from ems_telemetry.errors import ConfigurationError, ConnectionLostError, Problem
from ems_telemetry.spool.lock import ReaderLock

KEY_VARIABLE = "EMS_TELEMETRY_API_KEY"
TIMEOUT_S = 20.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - an address to look for, not to listen on

KeyFileOption: TypeAlias = Annotated[
    Path | None, typer.Option("--key-file", help=f"A file with a key of the API; else {KEY_VARIABLE}, if it wants one.")
]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered: the HTTP status, and the JSON."""

    status: int
    body: Any


class Asker:
    """Asks one service. Building one does no I/O but reading the files it is given."""

    def __init__(self, settings: Settings, key: SecretStr | None) -> None:
        lock = ReaderLock(settings.spool.directory)
        # Where it says itself that it is comes before where the settings of this shell say it should be.
        told = lock.address() if lock.is_held() else None
        self.address = _reachable(told or f"{_scheme(settings.api)}://{_bracketed(settings.api.host)}:{settings.api.port}")
        self._key = key
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if settings.api.tls is not None:
            handlers.append(urllib.request.HTTPSHandler(context=_trusting(settings.api.tls.certificate)))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> Answer:
        """Asks for a path.

        Raises:
            ConnectionLostError: nothing that speaks HTTP answers there.
        """
        request = urllib.request.Request(f"{self.address}{path}", headers={"Accept": "application/json"})  # noqa: S310 - http or https
        if self._key is not None:
            request.add_header("Authorization", f"Bearer {self._key.get_secret_value()}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                return Answer(answer.status, json.load(answer))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(refusal.code, _problem(refusal.read()))
        except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
            raise ConnectionLostError(_in_words(error)) from error


def read_key(key_file: Path | None) -> SecretStr | None:
    """Gives the key of the API from a file or the environment; None if there is none.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    if key_file is None:
        given = os.environ.get(KEY_VARIABLE)
        return SecretStr(given.strip()) if given else None
    try:
        return SecretStr(key_file.read_text(encoding="utf-8").strip())
    except OSError as error:
        raise ConfigurationError([Problem(key_file, None, f"cannot be read: {error.strerror}")]) from error


def _scheme(settings: ApiSettings) -> str:
    return "http" if settings.tls is None else "https"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _reachable(address: str) -> str:
    for everywhere, loopback in _EVERYWHERE.items():
        address = address.replace(f"//{_bracketed(everywhere)}:", f"//{loopback}:")
    return address


def _trusting(certificate: Path) -> ssl.SSLContext:
    """Believes the certificate that the settings name, whoever made it out and to whatever name."""
    context = ssl.create_default_context(cafile=str(certificate))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.check_hostname = False
    return context


def _problem(body: bytes) -> Any:  # noqa: ANN401 - JSON
    try:
        return json.loads(body)
    except ValueError:
        return {"detail": body.decode(errors="replace")[:200]}


def _in_words(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return str(getattr(reason, "strerror", None) or reason or type(error).__name__)
