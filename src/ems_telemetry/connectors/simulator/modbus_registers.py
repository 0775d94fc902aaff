"""The register maps of the plant's Modbus units, and how a value becomes 16-bit registers. Pure."""

import struct
from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

Registers: TypeAlias = tuple[int, ...]


def float32_abcd(value: float) -> Registers:
    """Encodes an IEEE single, high word first."""
    return struct.unpack(">2H", struct.pack(">f", value))


def uint64_abcd(value: float) -> Registers:
    """Encodes a whole number, rounded down, high word first; beyond 64 bits it begins again."""
    return struct.unpack(">4H", struct.pack(">Q", int(value) % 2**64))


def uint32_abcd(value: float) -> Registers:
    """Encodes a whole number, rounded down, high word first; beyond 32 bits it begins again."""
    return struct.unpack(">2H", struct.pack(">I", int(value) % 2**32))


def uint32_cdab(value: float) -> Registers:
    """Encodes a whole number, rounded down, low word first; beyond 32 bits it begins again."""
    high, low = uint32_abcd(value)
    return low, high


class Register(NamedTuple):
    """Where and how a point stands in a unit: its value times `factor`, encoded, from `address` on."""

    address: int
    point: str
    factor: float
    encode: Callable[[float], Registers]


MAIN_METER = 1
GAS_METER = 4
WATER_METER = 5

UNITS: Mapping[int, tuple[Register, ...]] = {
    MAIN_METER: (
        Register(0, "EM-01.voltage_l1", 1, float32_abcd),
        Register(2, "EM-01.voltage_l2", 1, float32_abcd),
        Register(4, "EM-01.voltage_l3", 1, float32_abcd),
        Register(6, "EM-01.current_l1", 1, float32_abcd),
        Register(12, "EM-01.active_power", 1000, float32_abcd),
        Register(30, "EM-01.power_factor", 1, float32_abcd),
        Register(70, "EM-01.frequency", 1, float32_abcd),
        Register(72, "EM-01.active_energy_import", 1000, uint64_abcd),
    ),
    2: (
        Register(0, "EM-11.active_energy_import", 100, uint32_cdab),
        Register(2, "EM-11.active_power", 10_000, uint32_cdab),
    ),
    3: (
        Register(0, "EM-12.active_energy_import", 100, uint32_cdab),
        Register(2, "EM-12.active_power", 10_000, uint32_cdab),
    ),
    GAS_METER: (
        Register(100, "GM-01.volume", 100, uint32_abcd),
        Register(102, "GM-01.flow", 1, float32_abcd),
    ),
    WATER_METER: (
        Register(40, "WM-01.volume", 1000, uint32_abcd),
        Register(42, "WM-01.flow", 1, float32_abcd),
    ),
}
"""Every unit's registers, holding and input registers alike; the factors turn a point's unit into W, Wh, 0.1 W, 10 Wh, l."""


def size_of(registers: tuple[Register, ...]) -> int:
    """Tells how many 16-bit registers a unit has, from address 0, holes included."""
    return max(register.address + len(register.encode(0)) for register in registers)


def fill(memory: list[int], registers: tuple[Register, ...], read: Callable[[str], float]) -> None:
    """Writes the present value of every point into a unit's memory."""
    for register in registers:
        encoded = register.encode(read(register.point) * register.factor)
        memory[register.address : register.address + len(encoded)] = encoded
