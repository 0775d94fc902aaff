"""Unpacks packages of a Debian suite into a folder: no root needed, nothing installed, nothing changed on the machine.

apt runs with a state of its own and checks the suite's signature with Debian's keyring. So it does not matter which archive
serves the files: the machine's own package sources are tried one after the other until one has the suite.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ARCHIVE_VARIABLE = "EMS_TELEMETRY_DEBIAN_ARCHIVE"
"""Names an archive to try first, where the machine's own sources are not Debian's."""
KEYRINGS = (Path("/usr/share/keyrings/debian-archive-keyring.gpg"), Path("/usr/share/keyrings/debian-archive-keyring.pgp"))
TIMEOUT_S = 300

# The machine's own settings stay in force (proxies, credentials), except for what would reach outside the private state.
_APT_CONFIGURATION = """\
Dir::State "{folder}/state";
Dir::State::status "{folder}/state/status";
Dir::Cache "{folder}/cache";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


class UnavailableError(Exception):
    """This machine cannot provide the packages; the message says why, in one sentence."""


@dataclass(frozen=True, slots=True)
class DebianSuite:
    """A suite of Debian's archive, read through a private apt state in `folder`."""

    name: str
    folder: Path

    def update(self) -> None:
        """Fetches the list of packages from the first archive that has the suite.

        Raises:
            UnavailableError: no apt, no keyring, or no archive that has the suite.
        """
        keyring = _find_keyring()
        failures = []
        for archive in find_archives():
            self._prepare(archive, keyring)
            outcome = _run(["apt-get", "-c", str(self._configuration), "-qq", "update"])
            if outcome.returncode == 0:
                return
            failures.append(f"{archive}: {_first_line(outcome.stderr)}")
        tried = "; ".join(failures) or "it has none"
        raise UnavailableError(f"no package source of this machine serves Debian {self.name} ({tried})")

    def download(self, packages: Sequence[str], folder: Path) -> Mapping[str, str]:
        """Downloads packages, without what they depend on, into a folder.

        Returns:
            The version of each package.

        Raises:
            UnavailableError: the archive lacks one of them, or does not answer.
        """
        outcome = _run(["apt-get", "-c", str(self._configuration), "-qq", "download", *packages], folder)
        if outcome.returncode != 0:
            raise UnavailableError(f"apt cannot download the packages of Debian {self.name}: {_first_line(outcome.stderr)}")
        names = [file.name.split("_") for file in folder.glob("*.deb")]
        return {name: version.replace("%3a", ":") for name, version, _ in names}

    def _prepare(self, archive: str, keyring: Path) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for part in ("state/lists/partial", "cache/archives/partial"):
            (self.folder / part).mkdir(parents=True)
        (self.folder / "state/status").touch()
        source = f"deb [arch={architecture()} signed-by={keyring}] {archive} {self.name} main\n"
        (self.folder / "sources.list").write_text(source)
        self._configuration.write_text(_APT_CONFIGURATION.format(folder=self.folder))

    @property
    def _configuration(self) -> Path:
        return self.folder / "apt.conf"


def unpack(packages: Path, root: Path) -> None:
    """Unpacks every package file of a folder into one tree."""
    for file in sorted(packages.glob("*.deb")):
        outcome = _run(["dpkg", "-x", str(file), str(root)])
        if outcome.returncode != 0:
            raise UnavailableError(f"dpkg cannot unpack {file.name}: {_first_line(outcome.stderr)}")


def architecture() -> str:
    """Tells Debian's name of this machine's architecture, as `amd64`."""
    return _run(["dpkg", "--print-architecture"]).stdout.strip()


def find_archives() -> Sequence[str]:
    """Lists the archives of the machine's own package sources, each once."""
    listed = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]).stdout.split()
    chosen = [os.environ[ARCHIVE_VARIABLE]] if os.environ.get(ARCHIVE_VARIABLE) else []
    return [archive for archive in dict.fromkeys([*chosen, *listed]) if not archive.startswith("cdrom:")]


def _find_keyring() -> Path:
    for keyring in KEYRINGS:
        if keyring.exists():
            return keyring
    raise UnavailableError("Debian's keyring is missing; install the package debian-archive-keyring")


def _run(command: Sequence[str], folder: Path | None = None) -> "subprocess.CompletedProcess[str]":
    if shutil.which(command[0]) is None:
        raise UnavailableError(f"there is no {command[0]} here: only Debian and Ubuntu have the packages")
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        return subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"{command[0]} did not end within {TIMEOUT_S} s") from error


def _first_line(text: str) -> str:
    return next((line for line in text.splitlines() if line.startswith("E:")), text.strip()).removeprefix("E:").strip()
