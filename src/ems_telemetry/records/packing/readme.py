"""What a pack says of itself, to somebody who knows neither this program nor the plant."""

from collections.abc import Sequence

from ems_telemetry.evidence.canonical import time_words
from ems_telemetry.records.packing.asked import PackAsked
from ems_telemetry.records.packing.contents import Contents
from ems_telemetry.records.packing.raw import RawReadings

_LISTED = 20
_TEXT = """\
EVIDENCE OF {site}, {since} to {until}
as known at {as_of}

WHAT IS IN IT
manifest.json       every file with its size and SHA-256, where the audit trail stood, the Merkle root, the sample
manifest.sig        the Ed25519 signature of manifest.json
records.ndjson      {records} records, one a line, {revisions}
registers.ndjson    {entries} facts they stand on (plan, corrections, limits, factors, ...), with who decided about them
methods.json        what each version of a method computes
inputs/             what the sampled records were computed from, as it was then
raw/                raw readings behind the sampled records; raw/index.json says of which point, day and record
checkpoints.ndjson  the roots of each day of the site since {since}
audit.ndjson        the audit trail from event {first_event} to {head_seq}

THE SAMPLE
{sampled} records, drawn by the seed "{seed}": those with the smallest SHA-256 of seed:record_id.

WHAT IS NOT IN IT
{missing}

HOW TO VERIFY IT
1. Ask the plant for its public key by another way than this pack came.
2. pip install ems-telemetry
   ems-telemetry evidence verify PACK.zip --key KEY
   needs no database and no network, and names every file, record and event that is not as it was signed.
   docs/evidence.md of the project tells how to do the same by hand, with openssl, sha256sum and Python.
3. An input file has the SHA-256 that its record calls "snapshot".
4. The raw readings lead to the hash that the record has in its inputs, kind "raw". In the folder of the unpacked files:

python3 - <<'END'
import json
from hashlib import sha256
for file in json.load(open("raw/index.json"))["files"]:
    days = []
    lines = open(file["path"], "rb").read().splitlines(keepends=True)[1:]
    for day in file["days"]:
        own = [line for line in lines if day["start_us"] <= int(line.split(b",")[0]) < day["end_us"]]
        days.append([day["start"], len(own), sha256(b"".join(own)).hexdigest()])
    found = sha256(json.dumps(days, separators=(",", ":")).encode()).hexdigest()
    for record in file["records"]:
        words = "as the record says" if found == record["hash"] else "OTHER THAN THE RECORD SAYS"
        print(file["path"], record["record_id"], words)
END
"""


def readme(asked: PackAsked, contents: Contents, raw: RawReadings) -> str:
    """Writes it."""
    return _TEXT.format(
        site=asked.site,
        since=time_words(asked.since),
        until=time_words(asked.until),
        as_of=time_words(asked.as_of),
        records=contents.records,
        revisions="in every revision known then" if asked.all_revisions else "each in the newest revision known then",
        entries=len(contents.entries),
        sampled=len({row.id for row in contents.sampled}),
        seed=asked.seed,
        missing="\n".join(_missing(asked, contents, raw)) or "Nothing of what was asked for.",
        first_event=contents.first_event,
        head_seq=contents.head.seq,
    )


def _missing(asked: PackAsked, contents: Contents, raw: RawReadings) -> list[str]:
    told = []
    if asked.types:
        told.append(f"Records of other types than {', '.join(asked.types)}.")
    if contents.first_event > 1:
        told.append(f"Events of the audit trail before {contents.first_event}: the first that concerns these records.")
    told += _listed("Inputs that were purged when their retention ended:", contents.purged)
    told += _listed("Days of raw readings, since there are too many; left_out in raw/index.json names them:", raw.cut)
    differing = "Nothing, but other raw readings than when the record was made (some came late, or their retention ended):"
    return [*told, *_listed(differing, raw.differing)]


def _listed(words: str, names: Sequence[str]) -> list[str]:
    more = [f"  and {len(names) - _LISTED} more"] if len(names) > _LISTED else []
    return [words, *(f"  {name}" for name in names[:_LISTED]), *more] if names else []
