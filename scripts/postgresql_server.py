"""A PostgreSQL server of one's own on a loopback port, in a folder of its own: started, stopped, killed, started again.

PostgreSQL refuses to run as root; started by root, the server runs as an unprivileged user that exists already.
"""

import contextlib
import fcntl
import os
import pwd
import secrets
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOPBACK = "127.0.0.1"
USER = DATABASE = "ems"
UNPRIVILEGED_USERS = ("postgres", "nobody")
TIMEOUT_S = 120

_SETTINGS = """\
# Written anew at every start; settings of your own: ALTER SYSTEM.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = ''
shared_preload_libraries = '{preload}'
max_connections = 200
max_worker_processes = 32
jit = off
timezone = 'UTC'
log_timezone = 'UTC'
"""
_NO_TELEMETRY = "timescaledb.telemetry_level = 'off'\n"
_FAST_SETTINGS = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"
_CREATE_DATABASE = """\
SELECT format('CREATE DATABASE %I', :'name') WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \\gexec
"""


class ServerFailedError(Exception):
    """The server, or one of its programs, did not do what it was asked; the message holds what it said."""


@dataclass(frozen=True, slots=True)
class Server:
    """One database cluster below `data`, run by the programs below `root`.

    Starting what runs and stopping what does not are harmless. Port and password are chosen at the first start and kept, so
    the DSN stays the same. `fast` trades durability for speed: a power cut may then lose the cluster, a killed server not.
    """

    root: Path
    data: Path
    port: int | None = None
    preload: Sequence[str] = ("timescaledb",)
    fast: bool = False

    def start(self) -> str:
        """Starts the server, creating the cluster the first time, and waits until it answers.

        Returns:
            The DSN of a superuser.

        Raises:
            ServerFailedError: it does not start; says what its log says.
        """
        with self._locked():
            if self._postmaster() is None:
                _require_way_to(self._cluster)
                self._create_cluster()
                self._write_settings()
                self._start()
                self._create_database()
        return self.dsn

    def stop(self) -> None:
        """Asks the server to end, rolling back what is under way, and waits until it has."""
        with self._locked():
            if self._postmaster() is not None:
                self._run("pg_ctl", "stop", "-D", str(self._cluster), "-m", "fast", "-w", "-t", str(TIMEOUT_S))

    def kill(self) -> None:
        """Ends all its processes at once, as a power cut would, and waits until they are gone."""
        with self._locked():
            postmaster = self._postmaster()
            if postmaster is None:
                return
            processes = [postmaster, *_children(postmaster)]
            for process in processes:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            _wait_until_gone(processes)
            # PostgreSQL would take a zombie that nobody reaps, as happens in containers, for a running postmaster.
            self._pid_file.unlink(missing_ok=True)

    @property
    def is_running(self) -> bool:
        """Tells whether the server runs."""
        return self._postmaster() is not None

    @property
    def dsn(self) -> str:
        """The superuser's DSN, once the server has been started for the first time."""
        return f"postgresql://{USER}:{self._password.read_text()}@{LOOPBACK}:{self._chosen_port()}/{DATABASE}"

    @property
    def _cluster(self) -> Path:
        return self.data.resolve() / "cluster"

    @property
    def _pid_file(self) -> Path:
        return self._cluster / "postmaster.pid"

    @property
    def _password(self) -> Path:
        return self.data.resolve() / "password"

    @property
    def _log(self) -> Path:
        return self.data.resolve() / "log"

    def _create_cluster(self) -> None:
        if (self._cluster / "PG_VERSION").exists():
            return
        if not self._password.exists():
            self._password.touch(0o600)
            self._password.write_text(secrets.token_urlsafe(24))
            _give_to_owner(self._password)
        new = self._cluster.with_name(f"cluster-{secrets.token_hex(4)}")
        self._run(
            "initdb",
            *("-D", str(new), "-U", USER, f"--pwfile={self._password}", "--auth=scram-sha-256", "-E", "UTF8"),
            *("--locale=C", *self._builtin_locale(), *(["--no-sync"] if self.fast else [])),
        )
        new.rename(self._cluster)

    def _builtin_locale(self) -> Sequence[str]:
        major = int(self._run("postgres", "--version").split()[2].split(".")[0])
        return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8") if major >= 17 else ()  # noqa: PLR2004 (its first)

    def _write_settings(self) -> None:
        settings = _SETTINGS.format(address=LOOPBACK, port=self._chosen_port(), preload=",".join(self.preload))
        extra = _NO_TELEMETRY if "timescaledb" in self.preload else ""
        (self._cluster / "postgresql.conf").write_text(settings + extra + (_FAST_SETTINGS if self.fast else ""))

    def _start(self) -> None:
        try:
            self._run("pg_ctl", "start", "-D", str(self._cluster), "-l", str(self._log), "-w", "-t", str(TIMEOUT_S))
        except ServerFailedError as error:
            log = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else ""
            raise ServerFailedError(f"{error}\n{log}") from error

    def _create_database(self) -> None:
        maintenance = self.dsn.removesuffix(DATABASE) + "postgres"
        self._run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-v", f"name={DATABASE}", maintenance, text=_CREATE_DATABASE)

    def _chosen_port(self) -> int:
        kept = self.data / "port"
        if self.port is not None:
            kept.write_text(str(self.port))
        elif not kept.exists():
            kept.write_text(str(_free_port()))
        return int(kept.read_text())

    def _postmaster(self) -> int | None:
        """Tells the pid of the running postmaster; a left-over pid file, or another process by its number, is none."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError, IndexError):
            pid = int(self._pid_file.read_text().splitlines()[0])
            if os.fsencode(self._cluster) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        return None

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        self.data.mkdir(parents=True, exist_ok=True)
        _give_to_owner(self.data)
        self.data.chmod(0o700)
        with (self.data / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _run(self, program: str, *arguments: str, text: str = "") -> str:
        owner = _owner()
        identity = {} if owner is None else {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
        command = [str(programs_in(self.root) / program), *arguments]
        # Nothing of the caller's environment: PGDATA, PGOPTIONS and LD_LIBRARY_PATH would all change what happens here.
        outcome = subprocess.run(
            command,
            **identity,  # type: ignore[call-overload]  # one of its many signatures has these three
            cwd=self.data,
            env={"PATH": os.defpath, "LC_ALL": "C"},
            input=text,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S + 10,
            check=False,
        )
        if outcome.returncode != 0:
            raise ServerFailedError(f"{program} ended with {outcome.returncode}: {(outcome.stderr or outcome.stdout).strip()}")
        return str(outcome.stdout)


def programs_in(root: Path) -> Path:
    """Finds the folder of PostgreSQL's programs: the root itself, or below it as Debian or `make install` put them."""
    for programs in (root, root / "bin", *sorted(root.glob("usr/lib/postgresql/*/bin"), reverse=True)):
        if (programs / "postgres").exists():
            return programs
    raise ServerFailedError(f"there is no PostgreSQL below {root}")


def _owner() -> pwd.struct_passwd | None:
    """Whom the server runs as, where that is not who asks."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    for name in UNPRIVILEGED_USERS:
        if name in known:
            return known[name]
    raise ServerFailedError(f"PostgreSQL does not run as root, and there is none of the users {', '.join(UNPRIVILEGED_USERS)}")


def _require_way_to(folder: Path) -> None:
    """Says so if the folder lies below one that the server's user may not enter."""
    owner = _owner()
    for parent in folder.parents:
        status = parent.stat()
        if owner is not None and status.st_uid != owner.pw_uid and not status.st_mode & stat.S_IXOTH:
            raise ServerFailedError(
                f"PostgreSQL does not run as root, and the user {owner.pw_name} may not enter {parent}; "
                "choose a folder for the data that everybody may reach"
            )


def _give_to_owner(path: Path) -> None:
    owner = _owner()
    if owner is not None:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def _children(parent: int) -> list[int]:
    """Lists a process's children. PostgreSQL gives each of them a process group of its own."""
    return [pid for pid in (int(folder.name) for folder in Path("/proc").glob("[0-9]*")) if _state(pid)[1] == parent]


def _state(pid: int) -> tuple[str, int]:
    """Tells a process's state letter and its parent; X where there is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state, parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[:2]
        return state, int(parent)
    return "X", 0


def _wait_until_gone(processes: Sequence[int]) -> None:
    # A zombie counts as gone: it holds nothing any more.
    deadline = time.monotonic() + TIMEOUT_S
    while any(_state(pid)[0] not in "XZ" for pid in processes):
        if time.monotonic() > deadline:
            raise ServerFailedError(f"killed processes did not end within {TIMEOUT_S} s")
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port
