#!/usr/bin/env python3
"""A real TimescaleDB (Apache edition) for development and tests, from Debian's packages: no root, no Docker, nothing installed.

The packages of Debian 13 are unpacked into a cache and run with the C library they were built for, so any Debian or Ubuntu
can run them. Exit codes: 0 done, 1 failed, 2 usage, 3 this machine cannot provide it (use embedded PostgreSQL or a DSN).
"""

import argparse
import contextlib
import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from debian_packages import DebianSuite, UnavailableError, architecture, unpack
from postgresql_server import Server, ServerFailedError

__all__ = ["Server", "ServerFailedError", "UnavailableError", "default_data", "install", "main"]

CACHE_VARIABLE = "EMS_TELEMETRY_CACHE"
"""Names the cache, in the place of the user's own; as root one that others may enter."""
SUITE = "trixie"
POSTGRESQL = "postgresql-17"
TIMESCALEDB = "postgresql-17-timescaledb"
# The libraries that server, client and extension link to. The packages' own dependencies would add perl, LLVM and the user
# database: ten times the size. A released suite keeps its package names.
LIBRARIES = (
    *("libc6", "libc-bin", "libgcc-s1", "libstdc++6", "libzstd1", "liblz4-1", "libxml2", "libpam0g", "libssl3t64", "libpq5"),
    *("libgssapi-krb5-2", "libkrb5-3", "libk5crypto3", "libcom-err2", "libkrb5support0", "libkeyutils1", "zlib1g", "libldap2"),
    *("libsasl2-2", "libicu76", "libsystemd0", "libxxhash0", "liblzma5", "libaudit1", "libcap2", "libcap-ng0"),
    *("libreadline8t64", "libtinfo6"),
)
PACKAGES = (POSTGRESQL, "postgresql-client-17", TIMESCALEDB, *LIBRARIES)
LAYOUT = "1"
"""Of an unpacked tree; a new one is not mistaken for an old one in the cache."""
LOADERS: Mapping[str, str] = {
    "amd64": "usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "arm64": "usr/lib/aarch64-linux-gnu/ld-linux-aarch64.so.1",
}
ZONES = Path("/usr/share/zoneinfo")
_WRAPPER = """\
#!/bin/sh
exec '{root}/{loader}' --library-path '{root}/{libraries}' --argv0 "$0" "$0.real" "$@"
"""


def install(*, refresh: bool = False) -> Path:
    """Provides PostgreSQL with TimescaleDB, from the cache where it has been unpacked before.

    Args:
        refresh: look for newer packages although there are some in the cache.

    Returns:
        The root of the unpacked tree; the programs are in `usr/lib/postgresql/17/bin`, and run where they are.

    Raises:
        UnavailableError: this machine cannot provide it; the message says why.
    """
    cache = _cache() / "timescaledb" / LAYOUT
    try:
        _make_readable(cache)
        with _locked(cache / "lock"):
            current = cache / "current"
            if refresh or not current.exists():
                _point(current, _fetch(cache))
            return current.resolve()
    except OSError as error:
        raise UnavailableError(f"cannot write the cache: {error}") from error


def default_data() -> Path:
    """Tells where the development database lives unless said otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/ems-telemetry-development")
    return _home_folder("XDG_STATE_HOME", ".local/state") / "database"


def _cache() -> Path:
    if os.environ.get(CACHE_VARIABLE):
        return Path(os.environ[CACHE_VARIABLE]).resolve()
    # Homes and checkouts may be closed to the unprivileged user whom root has to run the server as.
    return Path("/var/cache/ems-telemetry") if os.geteuid() == 0 else _home_folder("XDG_CACHE_HOME", ".cache")


def _home_folder(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or Path.home() / default) / "ems-telemetry"


def _fetch(cache: Path) -> Path:
    loader = _loader()
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        suite = DebianSuite(SUITE, Path(temporary) / "apt")
        packages, tree = Path(temporary) / "packages", Path(temporary) / "tree"
        packages.mkdir()
        print(f"fetching TimescaleDB from the packages of Debian {SUITE} …", file=sys.stderr)
        suite.update()
        versions = suite.download(PACKAGES, packages)
        root = cache / f"postgresql-{versions[POSTGRESQL]}-timescaledb-{versions[TIMESCALEDB]}-{architecture()}"
        if not root.exists():
            unpack(packages, tree)
            _wrap_programs(tree, root, loader)
            tree.chmod(0o755)
            tree.rename(root)
    return root


def _loader() -> str:
    if not ZONES.exists():
        raise UnavailableError("PostgreSQL needs the time zones of the package tzdata, which is not installed")
    try:
        return LOADERS[architecture()]
    except KeyError as error:
        raise UnavailableError(
            f"there is no TimescaleDB here for the architecture {error}, only for {', '.join(LOADERS)}"
        ) from error


def _wrap_programs(tree: Path, root: Path, loader: str) -> None:
    """Puts before each program a script that runs it with its own C library; PostgreSQL still finds its files by argv[0]."""
    for program in (tree / "usr/lib/postgresql/17/bin").iterdir():
        shutil.move(program, program.with_name(f"{program.name}.real"))
        program.write_text(_WRAPPER.format(root=root, loader=loader, libraries=Path(loader).parent))
        program.chmod(0o755)


def _point(link: Path, target: Path) -> None:
    """Lets a link point elsewhere, at one instant."""
    new = link.with_name(f"{link.name}-new")
    new.unlink(missing_ok=True)
    new.symlink_to(target.name)
    new.replace(link)


def _make_readable(folder: Path) -> None:
    """Creates a folder that others may enter, whatever the umask says."""
    for part in reversed([folder, *folder.parents]):
        if not part.exists():
            part.mkdir(exist_ok=True)
            part.chmod(0o755)


@contextlib.contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; prints its result on standard output and everything else on standard error."""
    options = _parse(arguments)
    try:
        print(_answer(options))
    except UnavailableError as error:
        print(f"TimescaleDB is not available: {error}", file=sys.stderr)
        return 3
    except ServerFailedError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _answer(options: argparse.Namespace) -> str:
    if options.command == "install":
        return str(install(refresh=options.refresh))
    server = Server(install(), options.data, port=getattr(options, "port", None), fast=getattr(options, "fast", False))
    if options.command == "start":
        return server.start()
    if options.command == "stop":
        server.stop()
        return f"stopped; its data stays in {options.data}"
    if not server.is_running:
        raise ServerFailedError(f"no server runs on {options.data}; start it with: {sys.argv[0]} start")
    return server.dsn


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    installing = commands.add_parser("install", help="unpack it into the cache; print the root folder")
    installing.add_argument("--refresh", action="store_true", help="look for newer packages")
    starting = commands.add_parser("start", help="start the server unless it runs; print its DSN")
    starting.add_argument("--port", type=int, help="port on loopback; a free one is chosen at the first start")
    starting.add_argument("--fast", action="store_true", help="do without durability, for tests")
    commands.add_parser("stop", help="stop the server")
    commands.add_parser("dsn", help="print the DSN of the running server")
    for name in ("start", "stop", "dsn"):
        commands.choices[name].add_argument("--data", type=Path, default=default_data(), help="the server's folder")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
