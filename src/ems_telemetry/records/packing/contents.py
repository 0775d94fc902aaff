"""What was gathered for a pack, as far as the rest of it needs to know."""

from dataclasses import dataclass, field

from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.storage.audit import Head
from ems_telemetry.storage.entries import EntryKey
from ems_telemetry.storage.records import RecordRow


@dataclass(slots=True)
class Contents:
    """The records by their ids, what they stand on, those that were drawn, and the part of the trail."""

    records: int = 0
    ids: list[str] = field(default_factory=list)
    methods: set[str] = field(default_factory=set)
    entries: set[EntryKey] = field(default_factory=set)
    first_seq: int | None = None
    sampled: list[RecordRow] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    """Sampled records whose inputs are gone, since their retention ended."""
    first_event: int = 1
    head: Head = field(default_factory=lambda: Head(0, ""))

    def note(self, row: RecordRow) -> None:
        """Notes what a record stands on."""
        self.records += 1
        self.ids.append(str(row.id))
        self.methods.add(row.method)
        used = [(ref["kind"], ref["id"], ref["revision"]) for ref in row.envelope["inputs"] if ref["kind"] in REGISTERS]
        plan = row.envelope["plan"]
        self.entries.update([*used, ("plan", plan["id"], plan["revision"])] if plan["revision"] else used)

    def note_seq(self, seq: int | None) -> None:
        """Notes an event that the trail must reach back to."""
        if seq is not None:
            self.first_seq = seq if self.first_seq is None else min(seq, self.first_seq)
