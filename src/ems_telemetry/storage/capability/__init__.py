"""What the database can do, and everything that differs because of it. No other part of storage asks which it has.

`detection` finds out, `fragments` fills the migrations' placeholders, `partitions` and `upkeep` keep the readings in shape.
"""

from ems_telemetry.storage.capability.detection import Capability, detect
from ems_telemetry.storage.capability.fragments import fill
from ems_telemetry.storage.capability.upkeep import Upkeep, drop_before, failing_jobs, keep_up, prepare_for

__all__ = ["Capability", "Upkeep", "detect", "drop_before", "failing_jobs", "fill", "keep_up", "prepare_for"]
