"""The way to the database: a bounded pool of connections whose failures come out as our errors.

Nothing here tries again by itself: a checkout either gives a working connection or says at once why there is none. Whoever
needs the database decides when to ask again.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self, TypeAlias

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import AsyncConnectionPool
from pydantic import SecretStr

from ems_telemetry.errors import ConfigurationError, ConnectionLostError, DatabaseNotReadyError, EmsTelemetryError, Problem
from ems_telemetry.storage.translation import describe, translated

Connection: TypeAlias = psycopg.AsyncConnection[Any]

CONNECT_TIMEOUT_S = 5
CHECKOUT_TIMEOUT_S = 15.0
CLOSE_WITHIN_S = 0.5
MOST_REMEMBERED = 20
"""A server may be away for weeks, and is asked for every few seconds."""
SESSION_SETTINGS = {
    "timezone": "UTC",
    "statement_timeout": "60s",
    "lock_timeout": "10s",
    "idle_in_transaction_session_timeout": "2min",
}
# A peer that vanished without a word is noticed after about half a minute.
KEEPALIVE = {"keepalives_idle": 10, "keepalives_interval": 5, "keepalives_count": 4, "tcp_user_timeout": 30_000}


class Database:
    """A PostgreSQL database, with or without TimescaleDB.

    Building one does no I/O. `open` may be called while the server is away, and twice; `close` twice, and without `open`; after
    `close` it may be opened again. `connection` may be used by many tasks between the two.

    Args:
        url: a PostgreSQL URL or a libpq connection string.
        password: where it does not stand in the URL; it is shown nowhere.
        max_connections: how many connections there may be; further checkouts wait their turn.

    Raises:
        ConfigurationError: the URL cannot be read.
    """

    def __init__(self, url: str, password: SecretStr | None = None, *, max_connections: int = 5) -> None:
        self._target = _parse(url)
        self._password = password
        self._max_connections = max_connections
        self._pool: AsyncConnectionPool[Connection] | None = None
        self._refusal: asyncio.Future[None] | None = None
        self._last_failure = ""

    def __repr__(self) -> str:
        return f"Database({self.address})"

    @property
    def address(self) -> str:
        """Where it is, for people: host, port and name, never the password."""
        hosts = str(self._target.get("host", "localhost")).split(",")
        ports = str(self._target.get("port", 5432)).split(",")
        ports = ports * len(hosts) if len(ports) == 1 else ports
        where = ",".join(f"{host}:{port}" for host, port in zip(hosts, ports, strict=False))
        return f"{where}/{self._target.get('dbname', self._target.get('user', ''))}"

    async def open(self) -> Self:
        """Makes checkouts possible. The server need not be there."""
        if self._pool is None:
            self._refusal = asyncio.get_running_loop().create_future()
            self._pool = self._build_pool()
            await self._pool.open()
        return self

    async def close(self) -> None:
        """Closes every connection; one that is checked out is closed when it comes back."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def __aenter__(self) -> Self:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Lends a connection, in UTC, not in autocommit: what was done is committed at the end, or rolled back on an error.

        Raises:
            ConnectionLostError: the server is out of reach, or every connection is in use for too long.
            DatabaseNotReadyError: it answers, but this schema or this login will not do.
            RejectedByDatabaseError: it refuses what was sent.
            TransientError: anything else that may pass later.
        """
        with translated():
            pool, connection = await self._check_out()
            try:
                async with connection:
                    yield connection
            finally:
                await pool.putconn(connection)

    async def require_primary(self) -> None:
        """Asks whether the database can be written to, whether or not it has tables yet.

        Raises:
            ConnectionLostError: it is out of reach.
            DatabaseNotReadyError: it is a standby.
        """
        async with self.connection() as connection:
            cursor = await connection.execute("SELECT pg_is_in_recovery()")
            (in_recovery,) = await cursor.fetchone() or (False,)
        if in_recovery:
            raise self._standby()

    async def check(self) -> None:
        """Asks whether the database can take readings now.

        Raises:
            ConnectionLostError: it is out of reach.
            DatabaseNotReadyError: it cannot be written to, or has no tables yet.
        """
        async with self.connection() as connection:
            cursor = await connection.execute("SELECT pg_is_in_recovery(), to_regclass('readings') IS NOT NULL")
            in_recovery, has_tables = await cursor.fetchone() or (False, False)
        if in_recovery:
            raise self._standby()
        if not has_tables:
            raise DatabaseNotReadyError(f"the database at {self.address} has no tables yet; run `ems-telemetry migrate`")

    def _standby(self) -> DatabaseNotReadyError:
        return DatabaseNotReadyError(
            f"the database at {self.address} is a read-only standby: promote it, or name the primary in database.url (or both, "
            "with target_session_attrs=read-write)"
        )

    async def _check_out(self) -> tuple[AsyncConnectionPool[Connection], Connection]:
        pool, refusal = self._pool, self._refusal
        if pool is None or refusal is None:
            raise ConnectionLostError("the database is closed")
        asking = asyncio.create_task(pool.getconn(), name="database-checkout")
        try:
            answers: set[asyncio.Future[Any]] = {asking, refusal}
            await asyncio.wait(answers, timeout=CHECKOUT_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await _give_back(pool, asking)
            raise
        if asking.done():
            return pool, await asking
        await _give_back(pool, asking)
        await self._forget_waiting(pool)
        raise self._unreachable(
            self._last_failure if refusal.done() else f"no connection came free within {CHECKOUT_TIMEOUT_S:.0f} s"
        )

    async def _forget_waiting(self, pool: AsyncConnectionPool[Connection]) -> None:
        """Puts a new pool in the place of one that remembers too many who asked in vain: it does so until a server answers."""
        if self._pool is pool and pool.get_stats().get("requests_waiting", 0) > MOST_REMEMBERED:
            self._pool = self._build_pool()
            await self._pool.open()
            await pool.close(CLOSE_WITHIN_S)

    def _unreachable(self, reason: str) -> EmsTelemetryError:
        return ConnectionLostError(f"the database at {self.address} is out of reach: {reason}")

    def _build_pool(self) -> AsyncConnectionPool[Connection]:
        settings = {**KEEPALIVE, "connect_timeout": CONNECT_TIMEOUT_S, "application_name": "ems-telemetry", **self._target}
        if self._password is not None:
            settings["password"] = self._password.get_secret_value()
        return AsyncConnectionPool(
            kwargs=settings,
            connection_class=_remembering(self),
            min_size=0,
            max_size=self._max_connections,
            open=False,
            configure=_configure,
            check=AsyncConnectionPool.check_connection,
            name="database",
            timeout=2 * CHECKOUT_TIMEOUT_S,
            reconnect_timeout=0,  # the pool gives up at once: whoever asked owns the retrying
            reconnect_failed=self._refuse_waiting,
        )

    def _remember(self, failure: str) -> None:
        self._last_failure = failure

    async def _refuse_waiting(self, _pool: AsyncConnectionPool[Connection]) -> None:
        refused, self._refusal = self._refusal, asyncio.get_running_loop().create_future()
        if refused is not None and not refused.done():
            refused.set_result(None)


def _parse(url: str) -> dict[str, Any]:
    try:
        return conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        message = "database.url is not a PostgreSQL URL; write postgresql://user@host:5432/name, or embedded"
    raise ConfigurationError(
        [Problem(None, None, message)]
    )  # outside the handler: its error repeats the URL and a password in it


def _remembering(database: Database) -> type[Connection]:
    """Makes a connection class that tells the database why it could not connect: the pool itself keeps that to its log."""

    class RememberingConnection(psycopg.AsyncConnection[Any]):
        @classmethod
        async def connect(cls, *args: Any, **settings: Any) -> "RememberingConnection":  # noqa: ANN401  # the driver's own signature
            try:
                return await super().connect(*args, **settings)
            except psycopg.Error as error:
                database._remember(describe(error))  # noqa: SLF001  # two halves of one thing
                raise

    return RememberingConnection


async def _configure(connection: Connection) -> None:
    for name, value in SESSION_SETTINGS.items():
        await connection.execute("SELECT set_config(%s, %s, false)", (name, value))
    await connection.commit()


async def _give_back(pool: AsyncConnectionPool[Connection], asking: "asyncio.Task[Connection]") -> None:
    """Ends a checkout nobody waits for any more; a connection it got in the last moment goes back."""
    asking.cancel()
    await asyncio.wait({asking})
    if not asking.cancelled() and asking.exception() is None:
        await pool.putconn(asking.result())
