"""Released versions of methods compute from inputs of their time what they computed then, bit for bit (CR-55).

The digests are those of the figures as they were before states could be stated, instruments maintained and values calibrated.
"""

import hashlib
import random
from datetime import UTC, timedelta
from typing import Any

import pytest
from emission_inputs import START, Row, air_inputs, gauge
from limit_inputs import JANUARY, limit, part, quarters
from record_inputs import snapshot_of

from ems_telemetry.evidence.canonical import canonical
from ems_telemetry.records.averages.blocks import BlockLength, days_as_inputs
from ems_telemetry.records.method import Figure
from ems_telemetry.records.methods import METHODS

pytestmark = pytest.mark.unit

DAYS = 3
STATE = {"point": "CEMS-01.state", "startup": [1], "shutdown": [3], "maintenance": [4], "off": [0]}


def some(seed: int, count: int) -> list[Row]:
    """Gives quarters measured in full, in part, or not at all; some corrected, uncertain or substituted."""
    drawn = random.Random(seed)  # noqa: S311  # the same each time is the point
    rows: list[Row] = []
    for _ in range(count):
        value, share = str(drawn.randrange(1, 40_000) / 100), str(round(drawn.randrange(1, 16) / 15, 12))
        kinds: list[Row] = [*[(value, "1")] * 20, (value, share), (None, "0"), (None, "0", value), (value, share, None, True),
                            (value, "1", None, False, True)]  # fmt: skip
        rows.append(drawn.choice(kinds))
    return rows


def told_states(seed: int, count: int) -> list[list[str | None]]:
    drawn, states = random.Random(seed), list[list[str | None]]()  # noqa: S311  # the same each time is the point
    state = "2"
    for _ in range(count):
        before, state = state, drawn.choice([state, state, state, "0", "1", "2", "3", "4"])
        states.append([None] * 3 if drawn.random() < 0.03 else [state, min(before, state), max(before, state)])
    return states


def air(profile: str, block: str, seed: int) -> dict[str, Any]:
    count = 96 * DAYS
    oxygen = [("5.5", *each[1:]) if each[0] else each for each in some(seed + 1, count)]
    return air_inputs(
        some(seed, count), gas={"o2": ("%", oxygen)},
        states=told_states(seed + 2, count), days=DAYS, basis={"o2_ref": "6"},
        measured_state={"normal": True, "dry": True, "o2_dry": True}, block=block, block_profile=profile, state=STATE,
        elv="200", ci_percent="20",
    )  # fmt: skip


def available(profile: str, seed: int) -> dict[str, Any]:
    count = 96 * DAYS
    return {
        "params": {"point": "P", "block_profile": profile, "state": STATE}, "point": gauge(some(seed, count)), "before": [],
        "days": days_as_inputs(START, START + timedelta(days=DAYS), BlockLength.HOUR, UTC),
        "state": told_states(seed + 1, count), "period": "1mo",
    }  # fmt: skip


def evaluated(profile: str, seed: int, **said: Any) -> dict[str, Any]:  # noqa: ANN401  # whatever a limit says
    count, end = 96 * DAYS, JANUARY + timedelta(days=DAYS)
    rows, states = some(seed, count), told_states(seed + 1, count)
    codes = [None if each[0] is None else [int(each[1] or 0), int(each[2] or 0)] for each in states]
    body = limit(
        block_validity=profile, state_point="S", states={"off": [0], "startup": [1], "run": [2], "test": [4]},
        off_states=["off"], exclude_states=["startup"], **said,
    )  # fmt: skip
    covered = [str(round(float(each[1]) * 900, 6)) for each in rows]
    series = quarters([each[0] for each in rows], covered_s=covered, codes=codes)
    return {"limit": "L-1", "zone": "UTC", "start": JANUARY, "end": end, "parts": [part(body, series, JANUARY, end)]}


def mass(seed: int) -> dict[str, Any]:
    count = 96 * DAYS
    return {
        "params": {
            "point": "P", "block_profile": "eu_ets_hour@1", "flow": {"point": "F"}, "partial": True, "substitutes": True,
        },
        "block": "1h", "unit": "mg/Nm3", "oxygen_corrected": False, "concentration": gauge(some(seed, count)),
        "volume_unit": "Nm3", "days": days_as_inputs(START, START + timedelta(days=DAYS), BlockLength.HOUR, UTC),
        "flow": gauge(some(seed + 1, count), "Nm3/h", "stack_gas_flow"),
    }  # fmt: skip


HALF_HOURS = {"statistic": "half_hour_mean"}
CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "a US hour": ("air_emission@1", air("us_hour@1", "1h", 1), "3d3d0bdcf1ce9484"),
    "an ETS hour": ("air_emission@1", air("eu_ets_hour@1", "1h", 2), "29b1f4d94c3a7451"),
    "a half-hour": ("air_emission@1", air("eu_cems_half_hour@1", "30min", 3), "62b300fa0448fffd"),
    "US availability": ("availability@1", available("us_hour@1", 4), "5223caae90a686a5"),
    "a mass": ("emission_mass@1", mass(5), "96ea350dc3bbd356"),
    "a limit on US hours": ("compliance@1", evaluated("us_hour@1", 6), "4c58d443b67aaae2"),
    "a limit on half-hours": ("compliance@1", evaluated("half_hour_75@1", 7, **HALF_HOURS), "09f56c31dcf5be2f"),
    "a limit on ETS hours": ("compliance@1", evaluated("eu_ets_hour@1", 8, ci_percent="20"), "cb06de59326b38b9"),
}


def digest(figure: Figure) -> str:
    told = [figure.value, figure.unit, figure.quality, list(figure.flags), figure.coverage, figure.measured, figure.details]
    return hashlib.sha256(canonical(told)).hexdigest()[:16]


@pytest.mark.parametrize("case", CASES)
def test_cr_55_a_released_version_computes_what_it_did(case: str) -> None:
    method, inputs, expected = CASES[case]
    assert digest(METHODS[method].compute(snapshot_of(inputs))) == expected
