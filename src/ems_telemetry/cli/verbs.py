"""The verbs of the command line, each with the module of this package that adds it and what `--help` says of it.

What is said stands here too, so that `--help` imports none of them; a test holds both equal.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple


class Verb(NamedTuple):
    """A verb, or a group of them."""

    module: str
    summary: str


VERBS: Final[Mapping[str, Verb]] = {
    "audit": Verb("audit", "Verify the audit trail and everything it tells of."),
    "backfill": Verb("backfill", "Fill in what was missed: from a file of any size, or from the history that a server keeps."),
    "check": Verb(
        "check",
        "Check all configuration files, and list the meters and points; connects to nothing unless told to look at them live.",
    ),
    "config": Verb("config", "Show the configurations that the service ran, secrets masked."),
    "dead-letters": Verb("dead_letters", "See what could not become a reading and why, and send it on its way again."),
    "demo": Verb("demo", "Try everything: a simulated plant, the service, a page in the browser."),
    "evidence": Verb("evidence", "Make and verify evidence packs, and the key that signs them."),
    "export": Verb(
        "exporting",
        "Write records as a file for other software; what has no value is left out and told, never written as zero.",
    ),
    "factors": Verb("registers", "Emission factors and global warming potentials."),
    "import": Verb("importing", "Import readings of hand-read meters from a CSV file. Importing a file twice changes nothing."),
    "init": Verb("init", "Write example configuration files to begin from; overwrites nothing."),
    "intervals": Verb("intervals", "See how computing intervals stands, and have some computed anew."),
    "keys": Verb("keys", "Make, list and revoke keys of the REST API."),
    "meters": Verb("meters", "See and declare what happened to meters."),
    "migrate": Verb("migrating", "Bring the database's schema up to date. Safe to run twice, and on many machines at once."),
    "modbus": Verb("modbus", "Find meters on a line, read them, and make out what their registers say."),
    "mqtt": Verb("mqtt", "Listen to MQTT brokers."),
    "opcua": Verb("opcua", "Look into OPC UA servers, and settle whose certificates are trusted."),
    "pause-writes": Verb("pausing", "Write nothing to the database until resume-writes; collecting goes on, into the spool."),
    "profiles": Verb("profiles", "The meters known by their model: whose registers need not be typed in."),
    "register": Verb("registers", "State facts from files."),
    "reload": Verb("reloading", "Make the running service read its files anew: only connectors that changed are restarted."),
    "resume-writes": Verb(
        "pausing",
        "Write to the database again, what waits in the spool first. Exit codes: 0 done, 1 that cannot be done or told.",
    ),
    "run": Verb("run", "Run the service: collect, store and serve until it is told to stop."),
    "schema": Verb("schema", "Print the JSON Schema of a kind of configuration file, for completion in editors."),
    "simulate": Verb("simulate", "Serve a simulated plant on this machine until Ctrl-C."),
    "spool": Verb("spool", "The durable buffer between meters and database."),
    "status": Verb(
        "status", "Show how the running service stands. Exit codes: 0 all is well, 1 something is wrong, 2 it does not answer."
    ),
}
