"""Access keys of the API: made, listed, revoked and found. A key is shown once; what is kept cannot be turned back into it.

A key reads `ems_<id>_<secret>`. The id is no secret: it names the key in lists. The secret is 256 random bits, of which the
SHA-256 is stored (docs/adr/0006-api-keys.md says why no slow hash).
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Final, NamedTuple

from psycopg.rows import args_row
from pydantic import SecretStr

from ems_telemetry.errors import ConfigurationError, Problem
from ems_telemetry.model import Scope
from ems_telemetry.storage.audit import SERVICE, Act, Actor, append_now
from ems_telemetry.storage.database import Database

__all__ = [
    "IssuedKey",
    "KeyParts",
    "Scope",
    "StoredKey",
    "create_key",
    "find_key",
    "list_keys",
    "revoke_key",
    "take_apart",
]

PREFIX: Final = "ems"
ID_BYTES: Final = 6
SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key just made: the only moment at which its text exists."""

    id: str
    key: SecretStr


class StoredKey(NamedTuple):
    """What is kept of a key. `sites` None: it may see all of them."""

    id: str
    name: str
    scopes: list[str]
    sites: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


class KeyParts(NamedTuple):
    """A presented key taken apart: its id, and the digest of its secret."""

    id: str
    secret_sha256: bytes


CREATE_KEY = """
    INSERT INTO api_keys (id, name, secret_sha256, scopes, sites, expires_at)
    VALUES (%(id)s, %(name)s, %(secret_sha256)s, %(scopes)s, %(sites)s, %(expires_at)s)"""
"""Keeps a new key."""

_KEY = "id, name, scopes, sites, created_at, expires_at, revoked_at"

LIST_KEYS = f"SELECT {_KEY} FROM api_keys ORDER BY created_at, id"  # noqa: S608  # a constant of this module
"""All keys, expired and revoked ones too, oldest first."""

REVOKE_KEY = f"""
    UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE id = %(id)s RETURNING {_KEY}"""  # noqa: S608  # see above
"""Revokes a key; one revoked before keeps its time."""

FIND_KEY = f"SELECT {_KEY} FROM api_keys WHERE id = %(id)s"  # noqa: S608  # see above
"""One key by its id."""

FIND_DIGEST = "SELECT secret_sha256 FROM api_keys WHERE id = %(id)s"
"""The digest of a key's secret."""


async def create_key(
    database: Database,
    name: str,
    scopes: Sequence[str],
    sites: Sequence[str] | None = None,
    expires_at: datetime | None = None,
    *,
    by: Actor = SERVICE,
) -> IssuedKey:
    """Makes a key and keeps its digest; the audit trail is told, without the secret.

    Args:
        database: where keys are kept.
        name: who or what will use it, for people.
        scopes: what it may do, at least one word of `Scope`.
        sites: what it may see; None for all sites. Whether they exist is the caller's to check: the plant file knows.
        expires_at: when it ends, aware; None for never.
        by: who makes it.

    Raises:
        ConfigurationError: a scope is not known, or nothing would be allowed.
    """
    _check_scopes(scopes)
    if sites is not None and not sites:
        raise _wrong("a key for no site could see nothing; name its sites, or none to allow all of them")
    if expires_at is not None and expires_at.tzinfo is None:
        raise _wrong(f'the key\'s end "{expires_at.isoformat()}" does not say its zone')
    id_, secret = secrets.token_hex(ID_BYTES), secrets.token_hex(SECRET_BYTES)
    key = SecretStr(f"{PREFIX}_{id_}_{secret}")
    parameters = {
        "id": id_,
        "name": name,
        "secret_sha256": _digest(secret),
        "scopes": list(dict.fromkeys(scopes)),
        "sites": None if sites is None else list(sites),
        "expires_at": expires_at,
    }
    async with database.connection() as connection:
        await connection.execute(CREATE_KEY, parameters)
        told = {each: parameters[each] for each in ("name", "scopes", "sites", "expires_at")}
        await append_now(connection, by, Act("api_key.created", "api_key", id_, detail=told))
    return IssuedKey(id_, key)


async def list_keys(database: Database) -> list[StoredKey]:
    """Gives all keys, expired and revoked ones too, oldest first."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(StoredKey)) as cursor:
        await cursor.execute(LIST_KEYS)
        return await cursor.fetchall()


async def revoke_key(database: Database, id_: str, *, by: Actor = SERVICE) -> StoredKey | None:
    """Ends a key; a service that has just seen it goes on for at most a minute. None: there is no key with this id."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(StoredKey)) as cursor:
        await cursor.execute(f"{FIND_KEY} FOR UPDATE".encode(), {"id": id_})
        before = await cursor.fetchone()
        if before is None:
            return None
        await cursor.execute(REVOKE_KEY, {"id": id_})
        revoked = await cursor.fetchone()
        if before.revoked_at is None:
            await append_now(connection, by, Act("api_key.revoked", "api_key", id_, detail={"name": before.name}))
        return revoked


async def find_key(database: Database, presented: KeyParts) -> StoredKey | None:
    """Finds the key whose id and secret these are, whether or not it still holds; None where either is wrong."""
    async with database.connection() as connection, connection.cursor(row_factory=args_row(StoredKey)) as cursor:
        await cursor.execute(FIND_KEY, {"id": presented.id})
        stored = await cursor.fetchone()
        digest = await (await connection.execute(FIND_DIGEST, {"id": presented.id})).fetchone()
    # Without a stored digest the comparison is made all the same: an unknown id must not answer sooner than a wrong secret.
    expected = bytes(digest[0]) if digest else bytes(hashlib.sha256().digest_size)
    return stored if secrets.compare_digest(expected, presented.secret_sha256) and digest else None


def take_apart(key: str) -> KeyParts | None:
    """Takes a presented key apart; None where it has not the form of one."""
    prefix, _, rest = key.partition("_")
    id_, _, secret = rest.partition("_")
    if prefix != PREFIX or not _is_hex(id_, ID_BYTES) or not _is_hex(secret, SECRET_BYTES):
        return None
    return KeyParts(id_, _digest(secret))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _is_hex(text: str, size_bytes: int) -> bool:
    return len(text) == 2 * size_bytes and not set(text) - set("0123456789abcdef")


def _check_scopes(scopes: Sequence[str]) -> None:
    known = ", ".join(Scope)
    if not scopes:
        raise _wrong(f"a key without a scope could do nothing; known scopes: {known}")
    for scope in scopes:
        if scope not in set(Scope):
            near = get_close_matches(scope, list(Scope), n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise _wrong(f'"{scope}" is not a scope; known are {known}{hint}')


def _wrong(message: str) -> ConfigurationError:
    return ConfigurationError([Problem(None, None, message)])
