"""Where a verb takes a password from: a file, the environment, or a question without an echo. It is never an argument."""

import os
import sys

import typer
from pydantic import SecretStr

from ems_telemetry.errors import ConfigurationError, Problem


def ask_password(user: str, variable: str) -> SecretStr:
    """Takes a password from the environment, or asks for it.

    Raises:
        ConfigurationError: it is not there, and nobody can be asked.
    """
    if variable in os.environ:
        return SecretStr(os.environ[variable])
    if not sys.stdin.isatty():
        message = f"the password of {user} is missing: give --password-file, or set the environment variable {variable}"
        raise ConfigurationError([Problem(None, None, message)])
    return SecretStr(typer.prompt(f"Password of {user}", hide_input=True, err=True))
