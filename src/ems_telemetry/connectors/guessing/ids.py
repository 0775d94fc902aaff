"""Ids for meters and points from whatever a server calls its nodes: valid, distinct, always the same. Pure functions."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Sequence

LONGEST_ID = 64
_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_NEW_WORD = re.compile(r"(?<=[A-Za-z][a-z])(?=[A-Z])|(?<=[a-z]\d)(?=[A-Z])")


def meter_id(names: Sequence[str]) -> str:
    """Spells an id with the letters a server's names have, as `Hall_1_EM-01`."""
    plain = unicodedata.normalize("NFC", "_".join(names)).translate(_TRANSCRIBED)
    ascii_ = unicodedata.normalize("NFKD", plain).encode("ascii", "ignore").decode()
    return re.sub(r"_*[^A-Za-z0-9_-]+_*", "_", ascii_).strip("_-")[:LONGEST_ID].rstrip("_-") or "node"


def point_id(names: Sequence[str]) -> str:
    """Spells an id in small letters, as `active_energy_import` for `ActiveEnergyImport`."""
    return meter_id([_NEW_WORD.sub("_", name).replace("-", "_") for name in names]).lower()


def distinct_ids(
    names: Sequence[tuple[str, ...]], taken: Collection[str] = (), spell: Callable[[Sequence[str]], str] = meter_id
) -> list[str]:
    """Makes an id for each node from its own name; where several are alike, from as many names above it as tell them apart.

    Args:
        names: for each node the names on the way to it, its own last.
        taken: ids that are used elsewhere.
        spell: turns names into an id.
    """
    used = set(taken)
    ids: list[str] = []
    alike = [Counter(spell(path[-length:]) for path in names) for length in range(1, max(map(len, names), default=1) + 1)]
    for path in names:
        spellings = [spell(path[-length:]) for length in range(1, len(path) + 1)]
        lengths = (place for place, spelling in enumerate(spellings) if alike[place][spelling] == 1 and spelling not in used)
        ids.append(_numbered(spellings[next(lengths, len(spellings) - 1)], used))
        used.add(ids[-1])
    return ids


def _numbered(id_: str, used: Collection[str]) -> str:
    number, numbered = 2, id_
    while numbered in used:
        suffix = f"_{number}"
        numbered = id_[: LONGEST_ID - len(suffix)] + suffix
        number += 1
    return numbered
