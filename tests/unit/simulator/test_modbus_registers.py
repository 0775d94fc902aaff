import pytest

from ems_telemetry.connectors.simulator import modbus_registers as registers
from ems_telemetry.connectors.simulator.modbus_registers import Register


def test_float32_stands_high_word_first() -> None:
    assert registers.float32_abcd(230.5) == (0x4366, 0x8000)


def test_uint64_stands_high_word_first() -> None:
    assert registers.uint64_abcd(0x0001_0002_0003_0004) == (1, 2, 3, 4)


def test_uint32_stands_high_or_low_word_first() -> None:
    assert registers.uint32_abcd(0x0001_0002) == (1, 2)
    assert registers.uint32_cdab(0x0001_0002) == (2, 1)


@pytest.mark.parametrize(("value", "encoded"), [(99.99, (0, 99)), (2**32 - 1, (0xFFFF, 0xFFFF)), (2**32 + 5, (0, 5))])
def test_whole_numbers_are_rounded_down_and_begin_again_at_their_end(value: float, encoded: tuple[int, int]) -> None:
    assert registers.uint32_abcd(value) == encoded


def test_a_unit_fills_its_memory_and_leaves_the_holes_alone() -> None:
    unit = (Register(0, "a", 1, registers.uint32_abcd), Register(4, "b", 1000, registers.uint32_abcd))
    memory = [7] * registers.size_of(unit)
    registers.fill(memory, unit, {"a": 5.0, "b": 0.012}.__getitem__)
    assert memory == [0, 5, 7, 7, 0, 12]


@pytest.mark.parametrize("unit", registers.UNITS)
def test_registers_of_a_unit_do_not_overlap(unit: int) -> None:
    taken = [register.address + word for register in registers.UNITS[unit] for word in range(len(register.encode(0)))]
    assert len(taken) == len(set(taken))
