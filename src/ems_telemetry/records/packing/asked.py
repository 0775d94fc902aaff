"""What a pack is asked for with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Self

from ems_telemetry.evidence.canonical import plain_object
from ems_telemetry.records.kinds import RecordType

MOST_SAMPLED: Final = 1_000
"""So many records are drawn at most: each brings its inputs and raw readings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackAsked:
    """Which records a pack holds.

    Attributes:
        site: whose.
        since: records whose period reaches into `[since, until)`.
        until: see there.
        types: of these types; all where empty.
        as_of: as they were known then.
        sample: so many are drawn, and come with their inputs and raw readings.
        seed: what they are drawn by, as the auditor said it.
        all_revisions: every revision known then, not the newest alone.
    """

    site: str
    since: datetime
    until: datetime
    types: tuple[RecordType, ...] = ()
    as_of: datetime
    sample: int = 25
    seed: str
    all_revisions: bool = False

    def scope(self) -> dict[str, Any]:
        """How the manifest and the table of packs say it: JSON."""
        return dict(
            plain_object(
                {
                    "site": self.site, "from": self.since, "to": self.until, "types": self.types, "as_of": self.as_of,
                    "sample": self.sample, "seed": self.seed, "revisions": "all" if self.all_revisions else "newest",
                }
            )
        )  # fmt: skip

    @classmethod
    def of_scope(cls, scope: Mapping[str, Any]) -> Self:
        """Reads back what `scope` gave."""
        return cls(
            site=scope["site"],
            since=datetime.fromisoformat(scope["from"]),
            until=datetime.fromisoformat(scope["to"]),
            types=tuple(RecordType(word) for word in scope["types"]),
            as_of=datetime.fromisoformat(scope["as_of"]),
            sample=scope["sample"],
            seed=scope["seed"],
            all_revisions=scope["revisions"] == "all",
        )
