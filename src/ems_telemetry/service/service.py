"""The whole service in one process: connectors, spool, writer and API, started downstream first and stopped upstream first.

start   spool, database, API, writer, maintenance, connectors
stop    connectors, then the writer once the spool is empty or time is up, API, database, spool
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from ems_telemetry.api.app import create_app
from ems_telemetry.api.services import ApiServices
from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.config.load import Configuration
from ems_telemetry.errors import PermanentError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.service.access import reach_database
from ems_telemetry.service.assembly import Collecting, assemble_connectors
from ems_telemetry.service.collecting import collect
from ems_telemetry.service.readiness import Watch
from ems_telemetry.service.retrying import Retrier
from ems_telemetry.service.server import ApiServer, bind, serve_while
from ems_telemetry.service.storing import Storing, store_while
from ems_telemetry.spool.lock import ReaderLock
from ems_telemetry.spool.sqlite import SqliteSpool
from ems_telemetry.web.page import add_page


class Service:
    """Runs a configuration until `stop`. Building one does no I/O; it is run once."""

    def __init__(self, configuration: Configuration, clock: Clock | None = None) -> None:
        self._configuration = configuration
        self._clock = clock or SystemClock()
        self._metrics = Metrics()
        self._stopping = asyncio.Event()
        self._log = get_logger("ems_telemetry.service")

    @property
    def stopping(self) -> bool:
        """True once `stop` was called."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Asks `run` to end. Never blocks; does no harm before `run`, twice, or after the end."""
        self._stopping.set()

    async def run(self) -> None:
        """Collects, stores and serves until `stop`.

        The database need not be there: the spool keeps everything, and `/readyz` says so.

        Raises:
            PermanentError: something needed at start cannot be had: the API's port, the spool's folder, the embedded database.
        """
        settings = self._configuration.settings
        async with AsyncExitStack() as stack:
            listening = stack.enter_context(bind(settings.api))
            spool = await stack.enter_async_context(self._open_spool())
            database = await stack.enter_async_context(reach_database(settings.database))
            storing = Storing(self._configuration, database, spool, metrics=self._metrics, clock=self._clock)
            collecting = assemble_connectors(self._configuration, spool, metrics=self._metrics, clock=self._clock)
            watch = Watch(spool, storing, database, collecting.reports, metrics=self._metrics, clock=self._clock)
            app = create_app(
                ApiServices(
                    database=database,
                    connectors=watch.connectors,
                    readiness=watch.readiness,
                    retry=Retrier(self._configuration, database, spool, self._clock).retry,
                    metrics=self._metrics,
                    clock=self._clock,
                    allow_anonymous=settings.api.allow_anonymous,
                    version=version("ems-telemetry"),
                )
            )
            add_page(app)
            await self._serve(ApiServer(app, settings.api, listening), storing, collecting, watch)
        self._log.info("stopped", event_code="service_stopped")

    async def _serve(self, server: ApiServer, storing: Storing, collecting: Collecting, watch: Watch) -> None:
        """Runs the parts; each ends before the one it feeds."""
        collected, stored = asyncio.Event(), asyncio.Event()
        self._log.info(
            "started",
            event_code="service_started",
            version=version("ems-telemetry"),
            page=server.address,
            connectors=len(collecting.connectors),
            points=len(self._configuration.points),
        )

        async def collect_then_tell() -> None:
            async with collecting.ledger.kept(self._stopping):
                await collect(collecting.connectors, self._stopping)
            collected.set()

        async def store_then_tell() -> None:
            await store_while(storing, collected)
            stored.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(serve_while(server, stored), name="api")
            group.create_task(watch.run(stored), name="watch")
            group.create_task(store_then_tell(), name="store")
            group.create_task(collect_then_tell(), name="collect")

    @asynccontextmanager
    async def _open_spool(self) -> AsyncIterator[SqliteSpool]:
        settings = self._configuration.settings.spool
        spool = SqliteSpool(settings.directory, max_size_bytes=settings.max_size, when_full=settings.when_full)
        lock = ReaderLock(settings.directory)
        await spool.open()
        try:
            if not lock.take():
                message = (
                    f"another ems-telemetry (process {lock.holder()}) uses the spool {settings.directory}; "
                    "stop it, or set spool.directory to another folder"
                )
                raise PermanentError(message)
            yield spool
        finally:
            lock.release()
            await spool.close()
