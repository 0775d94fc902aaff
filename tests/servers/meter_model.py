"""A meter as its profile describes it: registers that hold known, plausible values, written by an encoder of its own.

The encoder follows the definitions of the types and orders in docs/connectors/modbus.md and shares nothing with the decoder
under test. What no register of the map lies at is refused, as is what the profile forbids to read.
"""

import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ems_telemetry.connectors.modbus.profile import Hole, Identity, Profile, Setting
from servers.modbus import ModbusTkServer

Registers = dict[tuple[str, int], int]
"""What stands where: by table and wire address."""

GAP = 16
"""How many unused registers a connector file reads across by itself: a meter that says nothing of it serves them."""
SUNSPEC_BASE = 40_000
LAYOUTS: Mapping[int, Any] = {
    int(model): layout
    for models, layout in json.loads(Path(__file__).with_name("sunspec_layouts.json").read_text()).items()
    for model in models.split()
}
"""Length, and type, offset and scale factor of the fields, of each SunSpec model: from github.com/sunspec/models (2026-04)."""

_CODES = {
    "int16": "h",
    "uint16": "H",
    "int32": "i",
    "uint32": "I",
    "int64": "q",
    "uint64": "Q",
    "float32": "f",
    "float64": "d",
}
_PATTERNS = {"ABCD": "ABCDEFGH", "CDAB": "GHEFCDAB", "BADC": "BADCFEHG", "DCBA": "HGFEDCBA"}
"""What the orders of four letters mean over four registers."""
_PLAUSIBLE: Mapping[str, float] = {
    "voltage": 231.5,
    "current": 12.75,
    "frequency": 50.02,
    "power_factor": 0.93,
    "temperature": 67.5,
    "velocity": 420.0,
    "active_power": 2360.0,
    "reactive_power": 340.0,
    "apparent_power": 2390.0,
    "pressure": 29.75,
    "gauge_pressure": 7.25,
    "oxygen_content": 11.5,
    "moisture_content": 14.25,
    "co2_concentration": 9.5,
}
"""In the order of magnitude of any unit a device may send it in; all else counts or flows, and is a few thousand."""
_OTHERWISE = 4321.0
_BYTES = 2


class ModelledMeter(NamedTuple):
    """Registers of a meter, and what each of its points must be read as, before scaling."""

    registers: Registers
    expected: Mapping[str, float]
    settings: Mapping[str, Setting]
    """The parameters it stands for, as they would be in a connector file."""

    def serve(self, server: ModbusTkServer, unit_id: int) -> None:
        """Makes it a unit of a server."""
        for (table, address), values in _runs(self.registers):
            server.set(unit_id, table, address, values)


def settings_for(profile: Profile) -> dict[str, Setting]:
    """Gives the parameters a test uses: their defaults, or their first choices, or 2."""
    return {
        name: parameter.default if parameter.default is not None else next(iter(parameter.choices), Decimal(2))
        for name, parameter in profile.parameters.items()
    }


def model(profile: Profile, *, sunspec_model: int | None = None) -> ModelledMeter:
    """Makes a meter of a profile; one that is known by SunSpec has that model, or the first its profile names."""
    settings = settings_for(profile)
    points = list(profile.points_for(settings))
    registers: Registers = {}
    expected: dict[str, float] = {}
    if profile.sunspec:
        _lay_out_sunspec(sunspec_model or profile.sunspec[0], points, registers, expected)
        return ModelledMeter(registers, expected, settings)
    bits = count()
    for place, point in enumerate(points):
        value = _plausible(profile, point, place)
        expected[point["id"]] = _put(profile, point, value, next(bits) % 2 == 0, registers)
    for known in profile.identity:
        _identify(profile, known, registers)
    _fill_gaps(profile, registers)
    return ModelledMeter(registers, expected, settings)


def wire(address: int, table: str, addressing: str) -> int:
    """Tells where an address of a manual lies on the wire."""
    modicon = {"coil": 1, "discrete": 10_001, "input": 30_001, "holding": 40_001}
    return address - {"zero_based": 0, "one_based": 1, "modicon": modicon[table]}[addressing]


def encode(type_: str, value: float | str, order: str, length: int = 0, base: int = 65_536) -> list[int]:
    """Spells a value in registers.

    Args:
        type_: one of the types with registers.
        value: a text for a string.
        order: four letters, or eight for 64 bits.
        length: how many registers, for bcd, words and string.
        base: of what the registers of words are digits.
    """
    if type_ in _CODES:
        number = value if type_.startswith("float") else int(value)
        high_first = struct.pack(f">{_CODES[type_]}", number)
        return _registers(_arranged(high_first, order))
    if type_ == "string":
        text = str(value).encode().ljust(length * _BYTES, b"\0")
        return _swapped(_registers(text), order)
    digits = base if type_ == "words" else 10_000
    words = [int(value) // digits**place % digits for place in range(length)]
    if type_ == "bcd":
        words = [int(str(word), 16) for word in words]
    high_first_words = words[::-1] if order in {"ABCD", "BADC"} else words
    return _swapped(high_first_words, order)


def _arranged(high_first: bytes, order: str) -> bytes:
    letters = {2: order[:2] if order[0] in "AB" else order[2:], 4: order, 8: _PATTERNS.get(order, order)}[len(high_first)]
    first = min(letters)
    return bytes(high_first[ord(letter) - ord(first)] for letter in letters)


def _registers(data: bytes) -> list[int]:
    return [int.from_bytes(data[place : place + _BYTES]) for place in range(0, len(data), _BYTES)]


def _swapped(words: list[int], order: str) -> list[int]:
    return words if order in {"ABCD", "CDAB"} else [int.from_bytes(word.to_bytes(_BYTES), "little") for word in words]


def _plausible(profile: Profile, point: Mapping[str, Any], place: int) -> float:
    """Gives a value in the point's unit, another one for each point."""
    first = profile.first_read
    if first is not None and first.point == point["id"]:
        return sum(first.range) / 2
    return _PLAUSIBLE.get(point["quantity"], _OTHERWISE) * (1 + place / 1000)


def _put(profile: Profile, point: Mapping[str, Any], value: float, truth: bool, registers: Registers) -> float:  # noqa: FBT001 - a bit
    table, type_ = point["register"], point["type"]
    address = wire(int(point["address"]), table, profile.addressing)
    if type_ == "bool" and table in {"coil", "discrete"}:
        registers[table, address] = int(truth)
        return truth
    scale = float(point.get("scale", 1))
    raw = (value - float(point.get("offset", 0))) / scale
    if not type_.startswith("float"):
        raw = _held_by(type_, round(raw))
    elif type_ == "float32":
        raw = struct.unpack(">f", struct.pack(">f", raw))[0]
    order = _order_of(profile, point)
    power = 1.0
    if (exponent_address := point.get("exponent_address")) is not None:
        registers[table, wire(int(exponent_address), table, profile.addressing)] = encode("int16", 2, order)[0]
        power = 100.0
    for offset, word in enumerate(encode(type_, raw, order, point.get("length", 0), point.get("base", 65_536))):
        registers[table, address + offset] = word
    return raw * power


def _held_by(type_: str, number: int) -> int:
    """Makes a number small enough for its registers, whatever unit it is in."""
    most = {"int16": 2**15 - 1, "uint16": 2**16 - 2}.get(type_, 2**31 - 2)
    while number > most:
        number //= 10
    return number


def _order_of(profile: Profile, point: Mapping[str, Any]) -> str:
    is_wide = point["type"] in {"int64", "uint64", "float64"}
    return str(point.get("order") or (is_wide and profile.order_64) or profile.order)


def _identify(profile: Profile, known: Identity, registers: Registers) -> None:
    address = wire(known.address, known.table, profile.addressing)
    order = str(known.order or profile.order)
    for offset, word in enumerate(encode(known.type, known.expect[0], order, known.length or 0)):
        registers[known.table, address + offset] = word


def _fill_gaps(profile: Profile, registers: Registers) -> None:
    gap = GAP if profile.max_register_gap is None else profile.max_register_gap
    for (table, address), (next_table, following) in _neighbours(registers):
        between = range(address + 1, following) if table == next_table else range(0)
        if len(between) <= gap and not any(_is_in_hole(profile, table, place) for place in between):
            registers |= {(table, place): 0xDEAD if table in {"input", "holding"} else 0 for place in between}


def _neighbours(registers: Registers) -> Iterator[tuple[tuple[str, int], tuple[str, int]]]:
    places = sorted(registers)
    return pairwise(places)


def _is_in_hole(profile: Profile, table: str, address: int) -> bool:
    def holds(hole: Hole) -> bool:
        first, last = (wire(end, hole.table, profile.addressing) for end in (hole.first, hole.last))
        return hole.table == table and first <= address <= last

    return any(holds(hole) for hole in profile.holes)


def _runs(registers: Registers) -> Iterator[tuple[tuple[str, int], list[int]]]:
    """Gives the stretches of registers without a gap."""
    run: list[tuple[str, int]] = []
    for place in sorted(registers):
        if run and place != (run[-1][0], run[-1][1] + 1):
            yield run[0], [registers[there] for there in run]
            run = []
        run.append(place)
    if run:
        yield run[0], [registers[there] for there in run]


def _lay_out_sunspec(
    model_id: int, points: Sequence[Mapping[str, Any]], registers: Registers, expected: dict[str, float]
) -> None:
    """Writes the marker, the common model, the model asked for and the end."""
    common = [1, 66, *encode("string", "Maker", "ABCD", 16), *encode("string", "Model", "ABCD", 16), *[0] * 34]
    layout = LAYOUTS[model_id]
    data = [model_id, layout["length"], *[0] * layout["length"]]
    for place, point in enumerate(points):
        type_, offset, exponent = layout["fields"][point["field"]]
        power = 0 if exponent is None else -1 if type_.endswith("16") else 2
        raw = _PLAUSIBLE.get(point["quantity"], _OTHERWISE) * (1 + place / 1000) / 10**power
        raw = struct.unpack(">f", struct.pack(">f", raw))[0] if type_ == "float32" else round(raw)
        words = encode(type_, raw, "ABCD")
        data[offset : offset + len(words)] = words
        if exponent is not None:
            data[exponent] = encode("int16", power, "ABCD")[0]
        expected[point["id"]] = raw * 10**power if power >= 0 else raw / 10**-power
    whole = [*encode("string", "SunS", "ABCD", 2), *common, *data, 0xFFFF, 0]
    registers.update({("holding", SUNSPEC_BASE + place): word for place, word in enumerate(whole)})
