"""The whole service in one process: connectors, spool, writer and API, started downstream first and stopped upstream first.

start   spool, database, API, writer, maintenance, connectors
stop    connectors, then the writer once the spool is empty or time is up, API, database, spool
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path

from ems_telemetry.api.app import create_app
from ems_telemetry.api.retried import Retried
from ems_telemetry.api.services import ApiServices, TakeIn, TakenIn
from ems_telemetry.api.standing import Reload
from ems_telemetry.clock import Clock, SystemClock
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.config.service import EMBEDDED, LogSettings, Settings
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.errors import PermanentError
from ems_telemetry.model import DeadLetter
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.service.access import reach_database
from ems_telemetry.service.assembly import Assembler
from ems_telemetry.service.collecting import Collection, SupervisedConnector
from ems_telemetry.service.deriving import Deriving
from ems_telemetry.service.file_watch import FileWatch
from ems_telemetry.service.gap_ledger import GapLedger
from ems_telemetry.service.heartbeat import Heartbeat
from ems_telemetry.service.importing import import_sheet
from ems_telemetry.service.outcome_file import write_outcome
from ems_telemetry.service.pausing import WritePause
from ems_telemetry.service.plant_rows import as_accepted
from ems_telemetry.service.readiness import Watch
from ems_telemetry.service.reloading import Hooks, Reloader, Running
from ems_telemetry.service.retrying import Retrier
from ems_telemetry.service.running_import import BroughtBy
from ems_telemetry.service.server import ApiServer, address_of, bind, serve_while
from ems_telemetry.service.signing import open_pack_room
from ems_telemetry.service.standing import Standings
from ems_telemetry.service.stopping import StopRequest
from ems_telemetry.service.storing import Storing
from ems_telemetry.service.working import store_while
from ems_telemetry.spool.lock import ReaderLock
from ems_telemetry.spool.sqlite import SqliteSpool
from ems_telemetry.storage.audit import Actor
from ems_telemetry.waiting import unless
from ems_telemetry.web.page import add_page


@dataclass(frozen=True, slots=True)
class _Parts:
    """What runs side by side."""

    connectors: list[SupervisedConnector]
    collection: Collection
    storing: Storing
    deriving: Deriving
    watch: Watch
    reloader: Reloader
    ledger: GapLedger
    pause: WritePause


class Service:
    """Runs a configuration until `stop`. Building one does no I/O; it is run once.

    Args:
        configuration: read and checked.
        clock: the machine's own if not given.
        follow_log: called when a reload changed how the log is written.
    """

    def __init__(
        self,
        configuration: Configuration,
        clock: Clock | None = None,
        *,
        follow_log: Callable[[LogSettings], None] = lambda _settings: None,
    ) -> None:
        self._configuration = configuration
        self._clock = clock or SystemClock()
        self._follow_log = follow_log
        self._metrics = Metrics()
        self._stop = StopRequest(configuration.settings.stop_within, self._clock)
        self._reloader: Reloader | None = None
        self._log = get_logger("ems_telemetry.service")

    @property
    def stopping(self) -> bool:
        """True once `stop` was called."""
        return self._stop.event.is_set()

    @property
    def stop_within_s(self) -> float:
        """How long stopping may take."""
        return self._stop.within_s

    def stop(self) -> None:
        """Asks `run` to end. Never blocks; does no harm before `run`, twice, or after the end."""
        self._stop.ask()

    def reload(self) -> None:
        """Asks it to read its files anew and go by them. Never blocks; does nothing before `run` has come so far."""
        if self._reloader is not None:
            self._reloader.ask("signal")

    async def run(self) -> None:
        """Collects, stores and serves until `stop`.

        The database need not be there: the spool keeps everything, and `/readyz` says so.

        Raises:
            PermanentError: something needed at start cannot be had: the API's port, the spool's folder, the embedded database,
                the key that signs.
        """
        settings = self._configuration.settings
        packs = open_pack_room(settings.evidence)
        async with AsyncExitStack() as stack:
            listening = stack.enter_context(bind(settings.api))
            spool = await stack.enter_async_context(self._open_spool(address_of(settings.api, listening)))
            database = await stack.enter_async_context(reach_database(settings.database))
            accepted = await asyncio.to_thread(as_accepted, self._configuration, self._clock.now())
            storing = Storing(
                self._configuration,
                database,
                spool,
                metrics=self._metrics,
                clock=self._clock,
                accepted=accepted,
            )
            deriving = Deriving(database, settings, packs, metrics=self._metrics, clock=self._clock)
            storing.follow = deriving.follow
            parts = self._assemble(Running(self._configuration, accepted), spool, storing, deriving)
            standings = Standings(
                storing, deriving, parts.watch, parts.reloader, clock=self._clock, version=version("ems-telemetry")
            )

            async def retry(letter: DeadLetter, by: Actor) -> Retried:
                return await Retrier(parts.reloader.running.configuration, database, spool, self._clock).retry(letter, by)

            async def take_in(asked: TakeIn) -> TakenIn:
                running = parts.reloader.running.configuration
                done = await import_sheet(
                    running, asked.file, self._clock.now(), BroughtBy(asked.by), sites=asked.sites, dry_run=asked.dry_run
                )
                return TakenIn(done.readings, done.fed.stored)

            services = ApiServices(
                database=database,
                connectors=parts.watch.connectors,
                readiness=parts.watch.readiness,
                retry=retry,
                standing=standings.now,
                reload=partial(parts.reloader.reload, "request"),
                pause=parts.pause.pause,
                resume=parts.pause.resume,
                paused=lambda: parts.pause.paused,
                writing=parts.storing.gate.inside,
                take_in=take_in,
                metrics=self._metrics,
                clock=self._clock,
                allow_anonymous=settings.api.allow_anonymous,
                version=version("ems-telemetry"),
                oidc=settings.api.oidc,
                rate_limit=settings.api.rate_limit,
                failed_login_limit=settings.api.failed_login_limit,
                packs=packs,
            )
            app = create_app(services)
            add_page(app)
            await self._serve(ApiServer(app, settings.api, listening), parts)
        self._log.info("stopped", event_code="service_stopped")

    def _assemble(self, running: Running, spool: SqliteSpool, storing: Storing, deriving: Deriving) -> _Parts:
        heartbeat = Heartbeat(running.configuration.settings.spool.directory)
        ledger = GapLedger(heartbeat, metrics=self._metrics, clock=self._clock, is_read=lambda: storing.writer.state.connected)
        assembler = Assembler(spool, ledger, metrics=self._metrics, clock=self._clock)
        connectors = assembler.build(running.configuration)
        assembler.follow(running.configuration, connectors)
        collection = Collection()
        settings = running.configuration.settings
        watch = Watch(storing, assembler.reports, folders=_folders(settings), metrics=self._metrics, clock=self._clock)
        reloader = Reloader(
            running, assembler, collection, storing, hooks=self._hooks(settings.spool.directory), clock=self._clock
        )
        pause = WritePause(
            settings.spool.directory, storing.gate, metrics=self._metrics, clock=self._clock, tell=storing.tell_trail
        )
        pause.take_up()
        watch.last_reload = lambda: reloader.last
        watch.paused = lambda: pause.paused
        self._reloader = reloader
        return _Parts(connectors, collection, storing, deriving, watch, reloader, ledger, pause)

    def _hooks(self, spool_directory: Path) -> Hooks:
        types = find_file_models()

        def tell(reload: Reload) -> None:
            self._metrics.reloads.labels(reload.outcome).inc()
            write_outcome(spool_directory, reload)

        return Hooks(
            read=lambda: load(self._configuration.path, types),
            apply=lambda configuration: self._follow_log(configuration.settings.log),
            tell=tell,
        )

    async def _serve(self, server: ApiServer, parts: _Parts) -> None:
        """Runs the parts; each ends before the one it feeds."""
        collected, stored = asyncio.Event(), asyncio.Event()
        self._log.info(
            "started",
            event_code="service_started",
            version=version("ems-telemetry"),
            page=server.address,
            connectors=len(parts.connectors),
            points=len(self._configuration.points),
        )

        async def collect_then_tell() -> None:
            async with parts.ledger.kept(self._stop.event):
                await parts.collection.run(parts.connectors, self._stop)
            collected.set()

        async def store_then_tell() -> None:
            await store_while(parts.storing, parts.deriving, collected, self._stop)
            stored.set()

        files = FileWatch(lambda: parts.reloader.running.configuration, partial(parts.reloader.ask, "files"), self._clock)
        async with asyncio.TaskGroup() as group:
            group.create_task(serve_while(server, stored), name="api")
            group.create_task(parts.watch.run(stored), name="watch")
            group.create_task(store_then_tell(), name="store")
            group.create_task(collect_then_tell(), name="collect")
            group.create_task(parts.reloader.run(self._stop), name="reload")
            group.create_task(unless(self._stop.event, files.run()), name="files")
            group.create_task(unless(self._stop.event, parts.pause.run()), name="pause")

    @asynccontextmanager
    async def _open_spool(self, address: str) -> AsyncIterator[SqliteSpool]:
        settings = self._configuration.settings.spool
        spool = SqliteSpool(settings.directory, max_size_bytes=settings.max_size, when_full=settings.when_full)
        lock = ReaderLock(settings.directory)
        await spool.open()
        try:
            if not lock.take(address):
                message = (
                    f"another ems-telemetry (process {lock.holder()}) uses the spool {settings.directory}; "
                    "stop it, or set spool.directory to another folder"
                )
                raise PermanentError(message)
            write_outcome(settings.directory, None)
            yield spool
        finally:
            lock.release()
            await spool.close()


def _folders(settings: Settings) -> list[Path]:
    """Those whose disks must not run full, the spool's first."""
    embedded = [settings.database.directory] if settings.database.url == EMBEDDED else []
    return [settings.spool.directory, *embedded]
