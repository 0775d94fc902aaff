"""Our own keys, checked against the database.

A key found good is remembered for a minute, so that not every request costs a query and a short absence of the database does
not lock out who was just let in. A revoked key therefore ends within that minute.
"""

from typing import Final

from ems_telemetry.api.caller import Caller, CallerKind, turned_away
from ems_telemetry.clock import Clock
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.keys import KeyParts, StoredKey, find_key, take_apart

REMEMBERED_S: Final = 60.0
REMEMBERED_KEYS: Final = 1_000


class Keyring:
    """Checks presented keys and remembers the good ones for a minute."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._remembered: dict[KeyParts, tuple[float, StoredKey]] = {}

    def has_met(self, key: str) -> bool:
        """Tells whether this very key, its secret included, held the last time that it was looked up."""
        presented = take_apart(key)
        return presented is not None and presented in self._remembered

    async def identify(self, key: str) -> Caller:
        """Tells who presents this key.

        Raises:
            ApiError: 401, in words: none of ours, unknown, expired, revoked.
            TransientError: the database is away and the key is not remembered.
        """
        presented = take_apart(key)
        if presented is None:
            raise turned_away("this is not a key of this service; one reads ems_<id>_<secret>")
        stored = await self._find(presented)
        self._check_holds(stored)
        sites = None if stored.sites is None else tuple(stored.sites)
        return Caller(f"key:{stored.id}", CallerKind.KEY, stored.name, frozenset(stored.scopes), sites)

    async def _find(self, presented: KeyParts) -> StoredKey:
        now_s = self._clock.monotonic()
        seen_s, stored = self._remembered.get(presented, (0.0, None))
        if stored is not None and now_s - seen_s < REMEMBERED_S:
            return stored
        found = await find_key(self._database, presented)
        if found is None:
            self._remembered.pop(presented, None)
            raise turned_away("this key is not known")
        self._remember(presented, found, now_s)
        return found

    def _remember(self, presented: KeyParts, found: StoredKey, now_s: float) -> None:
        self._remembered.pop(presented, None)
        if len(self._remembered) >= REMEMBERED_KEYS:
            self._remembered.pop(next(iter(self._remembered)))
        self._remembered[presented] = (now_s, found)

    def _check_holds(self, stored: StoredKey) -> None:
        if stored.revoked_at is not None:
            raise turned_away(f"the key {stored.id} was revoked on {stored.revoked_at:%Y-%m-%d}")
        if stored.expires_at is not None and stored.expires_at <= self._clock.now():
            raise turned_away(f"the key {stored.id} expired on {stored.expires_at:%Y-%m-%d}")
