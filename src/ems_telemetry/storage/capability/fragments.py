"""The SQL in which the three databases differ when the tables are made; migrations name it by placeholders."""

import re
from collections.abc import Mapping

from ems_telemetry.errors import SchemaError
from ems_telemetry.storage.capability.detection import Capability

# One batch of the columnstore holds up to a thousand rows of one point, so that a late row touches one batch only.
ENABLE_COLUMNSTORE = """ALTER TABLE readings SET (
    timescaledb.enable_columnstore = true, timescaledb.segmentby = 'point_id', timescaledb.orderby = 'time DESC')"""
# The primary key serves every query by time of a point; a second index would cost a third of the insert.
MAKE_HYPERTABLE = "SELECT create_hypertable('readings', by_range('time', interval '1 day'), create_default_indexes => false)"
# A thousand points make 120,000 intervals a day. They stay rows: data that comes late changes them.
MAKE_INTERVALS = "SELECT create_hypertable('intervals', by_range('start', interval '28 days'), create_default_indexes => false)"

FRAGMENTS: Mapping[Capability, Mapping[str, str]] = {
    Capability.COMMUNITY: {
        "partition_by_time": "",
        "hypertable_readings": f"{MAKE_HYPERTABLE};\n{ENABLE_COLUMNSTORE}",
        "hypertable_intervals": MAKE_INTERVALS,
    },
    Capability.APACHE: {
        "partition_by_time": "",
        "hypertable_readings": MAKE_HYPERTABLE,
        "hypertable_intervals": MAKE_INTERVALS,
    },
    Capability.PLAIN: {
        "partition_by_time": "PARTITION BY RANGE (time)",
        "hypertable_readings": "",
        "hypertable_intervals": "",
    },
}
_PLACEHOLDER = re.compile(r"@\{(\w+)\}")


def fill(template: str, capability: Capability) -> str:
    """Fills the placeholders of a migration.

    Raises:
        SchemaError: a placeholder is not known.
    """
    fragments = FRAGMENTS[capability]

    def fragment(match: re.Match[str]) -> str:
        try:
            return fragments[match[1]]
        except KeyError:
            raise SchemaError(f"there is no placeholder {match[0]}; known are {', '.join(sorted(fragments))}") from None

    return _PLACEHOLDER.sub(fragment, template)
