"""What is kept of a configuration holds no secret, and everything else as it was written."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from ems_telemetry.config.base import Model
from ems_telemetry.config.connector import UserCredentials
from ems_telemetry.config.document import read_document
from ems_telemetry.config.masking import masked


class Door(Model):
    """A piece whose secret has a name that does not say so."""

    pin: SecretStr


class File(Model):
    user: UserCredentials
    doors: tuple[Door, ...] = ()
    nested: dict[str, Door] | None = None


def kept(folder: Path, text: str) -> str:
    file = folder / "file.yaml"
    file.write_text(text)
    return masked(read_document(file, {"NAME": "from the environment"}), File)


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("user: {name: ems, password: hunter2}", 'user: {name: ems, password: "***"}'),
        ('user: {name: ems, password: "hunter2"}  # why', 'user: {name: ems, password: "***"}  # why'),
        ('user: {name: ems, password: "${NAME}"}', 'user: {name: ems, password: "${NAME}"}'),
        ('user: {name: ems, password: "x${NAME}"}', 'user: {name: ems, password: "***"}'),
        ("user: {name: ems, password_file: /run/secrets/mqtt}", "user: {name: ems, password_file: /run/secrets/mqtt}"),
        ('doors: [{pin: 1234}, {pin: "${NAME}"}]', 'doors: [{pin: "***"}, {pin: "${NAME}"}]'),
        ("unknown: {client_secret: hunter2, tokens: 3}", 'unknown: {client_secret: "***", tokens: 3}'),
        ("secret: [hunter2, {deep: hunter3}]", 'secret: ["***", {deep: "***"}]'),
        ("password: |\n  hunter2\n  hunter3\nafter: 1", 'password: "***"\nafter: 1'),
        ("kept: &pw hunter2\npassword: *pw", 'kept: "***"\npassword: *pw'),
        ("url: postgresql://ems:hunter2@db/ems", "url: postgresql://ems:***@db/ems"),
        ("url: postgresql://ems:${NAME}@db/ems", "url: postgresql://ems:${NAME}@db/ems"),
        ("url: postgresql://ems@db/ems?password=hunter2&x=1", "url: postgresql://ems@db/ems?password=***&x=1"),
        ("# password: hunter2, the old one\na: 1", "# password: ***, the old one\na: 1"),
        ("a: 1  # password: hunter2", "a: 1  # password: ***"),
        ("", ""),
    ],
)
def test_secrets_are_masked_and_the_rest_stays_as_written(tmp_path: Path, written: str, shown: str) -> None:
    assert kept(tmp_path, written) == shown
