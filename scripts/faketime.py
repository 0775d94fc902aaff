#!/usr/bin/env python3
"""libfaketime from Debian's packages, unpacked into the cache: by it one process sees another time than the machine."""

import sys
import tempfile
from pathlib import Path

from debian_packages import DebianSuite, UnavailableError, unpack
from timescaledb import cache_folder

PACKAGE = "libfaketime"
SUITE = "bookworm"
"""Older than the database's: programs of this machine load it, and their C library may be no older than its own."""
LIBRARY = "libfaketimeMT.so.1"


def install() -> Path:
    """Provides it, from the cache where it has been unpacked before.

    Returns:
        The library, to be preloaded.

    Raises:
        UnavailableError: this machine cannot provide it; the message says why.
    """
    with cache_folder(PACKAGE) as cache:
        tree = cache / "tree"
        if not tree.exists():
            _fetch(cache, tree)
        found = next(tree.glob(f"usr/lib/*/faketime/{LIBRARY}"), None)
    if found is None:
        raise UnavailableError(f"Debian's package {PACKAGE} holds no {LIBRARY}")
    return found


def _fetch(cache: Path, tree: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as temporary:
        suite = DebianSuite(SUITE, Path(temporary) / "apt")
        packages, new = Path(temporary) / "packages", Path(temporary) / "tree"
        packages.mkdir()
        print(f"fetching {PACKAGE} from the packages of Debian {SUITE} …", file=sys.stderr)
        suite.update()
        suite.download([PACKAGE], packages)
        unpack(packages, new)
        new.rename(tree)


if __name__ == "__main__":
    try:
        print(install())
    except UnavailableError as error:
        print(f"libfaketime is not available: {error}", file=sys.stderr)
        sys.exit(3)
