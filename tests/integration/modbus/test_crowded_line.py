"""Units that are dead, slow or lie cost the others of their line no tick. `bench/modbus_line.py` tells the same in figures."""

from pathlib import Path

from integration.modbus.crowded_line import DEAD, INTERVAL_S, LYING, SLOW, WELL, run_crowded_line

SECONDS = 12.0


async def test_one_dead_one_slow_and_one_lying_unit_cost_the_other_seven_no_tick(tmp_path: Path) -> None:
    figures = await run_crowded_line(SECONDS, tmp_path)
    assert {unit: told.wrong for unit, told in figures.units.items()} == dict.fromkeys(figures.units, 0)
    for unit in (*WELL, SLOW):
        told = figures.units[unit]
        assert told.samples >= told.ticks_due - 1, f"unit {unit}: {told}"
        assert told.longest_pause_s < 2 * INTERVAL_S, f"unit {unit}: {told}"
    assert figures.units[DEAD].samples == 0, "silence is a gap, never a value"
    assert figures.units[LYING].samples > 0, "now and then it tells the truth"
    assert figures.counters.get("ticks_skipped", 0) == 0
    assert figures.counters["wrong_replies"] > 0
