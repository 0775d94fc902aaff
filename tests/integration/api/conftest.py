"""A small plant in a real database, and the API in front of it: two sites, three meters, five points."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import httpx
import pytest
import uvicorn
from fakes import HandClock
from fastapi import FastAPI
from servers.process import LOOPBACK, free_port
from standings import connector, refused, standing

from ems_telemetry.api.app import ApiServices, Check, Readiness, create_app
from ems_telemetry.api.retried import Retried
from ems_telemetry.api.services import TakeIn, TakenIn
from ems_telemetry.api.standing import Pause, Reload, Standing, Writes
from ems_telemetry.config.access import IssuerSettings
from ems_telemetry.intervals.interval import IntervalFlag
from ems_telemetry.model import DeadLetter, Kind
from ems_telemetry.observe import ConnectorStatus, LinkState, Metrics
from ems_telemetry.storage.audit import Actor
from ems_telemetry.storage.capability import detect, prepare_for
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.gate import Gate
from ems_telemetry.storage.intervals import IntervalRow, put_intervals
from ems_telemetry.storage.keys import create_key
from ems_telemetry.storage.migrations import migrate
from ems_telemetry.storage.registry import MeterRow, PointRow, SiteRow, synchronise
from ems_telemetry.web.page import add_page

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SITES = [
    SiteRow("BER1", "Berlin works", "Europe/Berlin", ("hall-1", "utilities")),
    SiteRow("MUC1", "Munich works", "Europe/Berlin"),
]
METERS = [
    MeterRow("EM-01", "BER1", "hall-1", "Main meter", "electricity", "hall-1"),
    MeterRow("WM-02", "BER1", None, "Cooling water", "water", "shared"),
    MeterRow("EM-90", "MUC1", None, "Munich main", "electricity", "munich"),
    MeterRow("WM-91", "MUC1", None, "Munich water", "water", "shared"),
]


def point(key: str, quantity: str, unit: str, kind: Kind = Kind.COUNTER, medium: str = "electricity") -> PointRow:
    return PointRow(
        key, key.partition(".")[0], key.partition(".")[2], quantity, medium, unit, kind, f"source of {key}", unit, 10.0
    )


POINTS = [
    point("EM-01.energy_import", "active_energy_import", "kWh"),
    point("EM-01.power", "active_power", "kW", Kind.GAUGE),
    point("WM-02.volume", "water_volume", "m3", medium="water"),
    point("EM-90.energy_import", "active_energy_import", "kWh"),
    point("WM-91.volume", "water_volume", "m3", medium="water"),
]
CONNECTORS = [
    ConnectorStatus(
        "hall-1",
        "modbus",
        "tcp://10.20.0.31:502",
        LinkState.DOWN,
        START,
        "unit 3 is silent",
        START,
        START,
        {"samples_stored": 7},
    ),
    ConnectorStatus("munich", "opcua", "opc.tcp://10.30.0.40:4840", LinkState.UP, START),
    ConnectorStatus("shared", "mqtt", "mqtt://broker:1883", LinkState.UP, START),
]
READY = Readiness(ready=True, checks=(Check("database", ok=True, detail="answers"),))


@dataclass
class Plant:
    """The database with the plant in it, and the API with its surroundings."""

    database: Database
    ids: dict[str, int]
    clock: HandClock = field(default_factory=HandClock)
    metrics: Metrics = field(default_factory=Metrics)
    connectors: list[ConnectorStatus] = field(default_factory=lambda: list(CONNECTORS))
    readiness: Readiness = READY
    retried: list[DeadLetter] = field(default_factory=list)
    outcome: Retried = Retried(1, "1 reading")  # noqa: RUF009 - immutable
    standing: Standing = field(default_factory=lambda: standing(connectors=[connector(one.name) for one in CONNECTORS]))
    reload: Reload = field(default_factory=refused)
    writes: Writes = field(default_factory=lambda: Writes(paused=None, at_rest=False))
    gate: Gate = field(default_factory=Gate)
    may_retry: asyncio.Event = field(default_factory=asyncio.Event)
    resumed_by: str = ""

    def app(
        self,
        *,
        allow_anonymous: bool = False,
        oidc: Sequence[IssuerSettings] = (),
        rate_limit: str | None = None,
        failed_login_limit: str | None = None,
    ) -> FastAPI:
        services = ApiServices(
            database=self.database,
            connectors=lambda: self.connectors,
            readiness=lambda: self.readiness,
            retry=self._retry,
            standing=lambda: self.standing,
            reload=self.answer_reload,
            pause=self.pause,
            resume=self.resume,
            paused=lambda: self.writes.paused,
            writing=self.gate.inside,
            take_in=self.take_in,
            metrics=self.metrics,
            clock=self.clock,
            allow_anonymous=allow_anonymous,
            version="0.1.0",
            oidc=oidc,
            rate_limit=rate_limit,
            failed_login_limit=failed_login_limit,
        )
        app = create_app(services)
        add_page(app)
        return app

    def __post_init__(self) -> None:
        self.may_retry.set()

    async def _retry(self, letter: DeadLetter, _by: Actor) -> Retried:
        self.retried.append(letter)
        await self.may_retry.wait()
        return self.outcome

    async def take_in(self, asked: TakeIn) -> TakenIn:
        """Takes everything in."""
        return TakenIn(asked.file.read_text().count("\n"), stored=True)

    async def pause(self, by: str, _actor: Actor) -> Writes:
        self.writes = Writes(paused=Pause(by=by, since=self.clock.now()), at_rest=True)
        return self.writes

    async def resume(self, by: str, _actor: Actor) -> Writes:
        self.resumed_by = by
        self.writes = Writes(paused=None, at_rest=False)
        return self.writes

    async def answer_reload(self, _by: Actor, _reason: str | None) -> Reload:
        return self.reload

    async def key(
        self, scopes: Sequence[str] = ("read",), sites: Sequence[str] | None = None, expires_at: datetime | None = None
    ) -> str:
        issued = await create_key(self.database, "test", scopes, sites, expires_at)
        return issued.key.get_secret_value()

    async def store(
        self, key: str, value: float | None, *, at_s: float = 0.0, flags: int = 0, exact: Decimal | None = None
    ) -> None:
        await self.store_many(key, [(START + timedelta(seconds=at_s), value)], flags=flags, exact=exact)

    async def store_many(
        self, key: str, values: Sequence[tuple[datetime, float | None]], *, flags: int = 0, exact: Decimal | None = None
    ) -> None:
        rows = [
            (time, self.ids[key], value, 0 if value is None else 192, flags, 0x80310000 if value is None else 0, exact, time)
            for time, value in values
        ]
        async with self.database.connection() as connection, connection.cursor() as cursor:
            await prepare_for(connection, await detect(connection), [time for time, _ in values])
            await cursor.executemany(
                "INSERT INTO readings (time, point_id, value, quality, flags, source_status, exact, received_at)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
                rows,
            )
            await cursor.execute(
                "INSERT INTO latest_readings (point_id, time, value, quality, flags, source_status, received_at, exact)"
                " SELECT point_id, time, value, quality, flags, source_status, received_at, exact FROM readings"
                " WHERE point_id = %s ORDER BY time DESC LIMIT 1"
                " ON CONFLICT (point_id) DO UPDATE SET time = excluded.time, value = excluded.value",
                (self.ids[key],),
            )

    async def put(self, key: str, period: str, values: Sequence[tuple[datetime, str | None]], **other: float) -> None:
        """Stores intervals that have ended, by their starts; None is one of which nothing is known."""
        rows = []
        for start, value in values:
            known = None if value is None else Decimal(value)
            flags = int(IntervalFlag.MISSING) if known is None else 0
            quality, coverage = (0, 0.0) if known is None else (192, 1.0)
            row = IntervalRow(
                *(self.ids[key], period, start, None if known is None else float(known), known, None, None),
                *(0 if known is None else 90, 90, coverage, quality, flags, True),
            )
            rows.append(IntervalRow(**{**row._asdict(), **other}))
        async with self.database.connection() as connection:
            await put_intervals(connection, rows)

    async def put_quarters(self, key: str, start: datetime, values: Iterable[str | None], **other: float) -> None:
        """Stores adjacent quarters, as `put`."""
        await self.put(key, "15m", [(start + n * timedelta(minutes=15), value) for n, value in enumerate(values)], **other)

    async def lose(self, connector: str, point: str | None = None, *, at_s: float = 0.0, payload: bytes = b"ohno") -> UUID:
        """Stores a dead letter."""
        id_ = uuid4()
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO dead_letters (id, connector, point, reason, detail, source, payload, received_at)"
                " VALUES (%s, %s, %s, 'unreadable_payload', '=not JSON', 'plant/wm02', %s, %s)",
                (id_, connector, point, payload, START + timedelta(seconds=at_s)),
            )
        return id_

    async def miss(self, connector: str, point: str | None = None, *, from_s: float, to_s: float) -> UUID:
        """Stores a gap."""
        id_ = uuid4()
        async with self.database.connection() as connection:
            await connection.execute(
                "INSERT INTO gaps (id, connector, point, started_at, ended_at, cause, refused)"
                " VALUES (%s, %s, %s, %s, %s, 'spool_full', 3)",
                (id_, connector, point, START + timedelta(seconds=from_s), START + timedelta(seconds=to_s)),
            )
        return id_


@contextlib.asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """Serves an application on a free port; gives its address."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host=LOOPBACK, port=port, log_level="warning", lifespan="off"))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(server.serve(), name="server")
        while not server.started:
            await asyncio.sleep(0.01)
        yield f"http://{LOOPBACK}:{port}"
        server.should_exit = True


def client_of(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://plant", headers=headers)


async def build_plant(database: Database) -> Plant:
    await migrate(database)
    return Plant(database, await synchronise(database, SITES, METERS, POINTS))


@pytest.fixture
async def plant(timescaledb_url: str) -> AsyncIterator[Plant]:
    """The plant on TimescaleDB."""
    async with Database(timescaledb_url) as database:
        yield await build_plant(database)


@pytest.fixture
async def any_plant(database_url: str) -> AsyncIterator[Plant]:
    """The plant on each kind of database in turn."""
    async with Database(database_url) as database:
        yield await build_plant(database)


@pytest.fixture
async def api(plant: Plant) -> AsyncIterator[httpx.AsyncClient]:
    """The API as somebody with a key for everything sees it."""
    async with client_of(plant.app(), await plant.key()) as client:
        yield client


@pytest.fixture
async def any_api(any_plant: Plant) -> AsyncIterator[httpx.AsyncClient]:
    """The same on each kind of database in turn."""
    async with client_of(any_plant.app(), await any_plant.key()) as client:
        yield client
