"""The words in the names of nodes, English and German, by what they tell about a measurement. Pure functions."""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise
from typing import TypeVar


class Word(Enum):
    """What a name can tell."""

    ELECTRIC = auto()
    HEAT = auto()
    COOLING = auto()
    STEAM = auto()
    GAS = auto()
    STACK = auto()
    AIR = auto()
    EFFLUENT = auto()
    WATER = auto()
    FUEL = auto()
    EXPORT = auto()
    DEMAND = auto()
    DIFFERENTIAL = auto()
    ABSOLUTE = auto()
    GAUGE = auto()
    TOTAL = auto()
    STORED = auto()
    PERIOD = auto()
    RUNNING = auto()
    STATE = auto()
    VALVE = auto()
    LEVEL = auto()
    HUMIDITY = auto()
    MOISTURE = auto()
    HARMONIC = auto()
    POWER_FACTOR = auto()
    COUNT = auto()
    PH = auto()
    NOX = auto()
    SO2 = auto()
    CO = auto()
    CO2 = auto()
    HCL = auto()
    HF = auto()
    NH3 = auto()
    TOC = auto()
    DUST = auto()
    MERCURY = auto()
    OXYGEN = auto()
    COD = auto()
    SOLIDS = auto()
    NITROGEN = auto()
    PHOSPHORUS = auto()
    CHLORINE = auto()
    SETTING = auto()


_STEMS: Mapping[Word, str] = {
    Word.ELECTRIC: "electr elektr strom wirk active aktiv grid netz mains phase ac",
    Word.HEAT: "heat heating waerme thermal thermisch fernwaerme heizung heizkreis",
    Word.COOLING: "cooling chilled chiller kaelte kuehlung kuehl",
    Word.STEAM: "steam dampf",
    Word.GAS: "gas erdgas naturalgas biogas propane propan lpg",
    Word.STACK: "stack fluegas rauchgas abgas kamin schornstein chimney exhaust emission",
    Word.AIR: "air luft druckluft compress kompressor verdichter",
    Word.EFFLUENT: "effluent wastewater waste abwasser sewage",
    Word.WATER: "water wasser",
    Word.FUEL: "fuel oil heizoel diesel kerosin brennstoff pellet holz coal kohle",
    Word.EXPORT: "export exported abgabe einspeis rueckspeis lieferung deliver feedin fedin generated erzeugt ausspeis",
    Word.DEMAND: "demand mittelwert average mean 15min peak",
    Word.DIFFERENTIAL: "differential difference differenz delta dp spread spreizung",
    Word.ABSOLUTE: "absolute absolut abs bara baro atmospher luftdruck",
    Word.GAUGE: "gauge ueberdruck barg overpressure",
    Word.TOTAL: "total counter zaehler summe sum odometer totali meterreading",
    Word.STORED: "tank silo store stored storage lager vorrat inventory weight gewicht bestand",
    Word.PERIOD: "today daily heute tages yesterday gestern hourly monthly monat week woche interval period letzte reset",
    Word.RUNNING: "run running runtime operating betrieb laeuft laufzeit uptime working hours",
    Word.STATE: "state status zustand mode modus on enabled aktiv active",
    Word.VALVE: "valve ventil klappe damper stellung opening",
    Word.LEVEL: "level fuellstand niveau pegel",
    Word.HUMIDITY: "humidity feuchte rh luftfeuchte",
    Word.MOISTURE: "moisture h2o wasserdampf",
    Word.HARMONIC: "thd harmonic oberschwingung klirr",
    Word.POWER_FACTOR: "pf powerfactor cosphi leistungsfaktor",
    Word.COUNT: "count counts pulses impulse impuls stueck stueckzahl pieces cycles zyklen",
    Word.PH: "ph phvalue phwert",
    Word.NOX: "nox no2 stickoxid",
    Word.SO2: "so2 schwefeldioxid",
    Word.CO: "co kohlenmonoxid carbonmonoxide",
    Word.CO2: "co2 kohlendioxid carbondioxide",
    Word.HCL: "hcl",
    Word.HF: "hf",
    Word.NH3: "nh3 ammonia ammoniak",
    Word.TOC: "toc voc tvoc corg",
    Word.DUST: "dust staub particulate",
    Word.MERCURY: "hg mercury quecksilber",
    Word.OXYGEN: "o2 oxygen sauerstoff",
    Word.COD: "cod csb",
    Word.SOLIDS: "tss solids feststoff",
    Word.NITROGEN: "nitrogen stickstoff nges ammonium nitrat nitrate",
    Word.PHOSPHORUS: "phosph pges",
    Word.CHLORINE: "chlorine chlor",
    Word.SETTING: "setpoint setvalue sollwert =limit =limits grenzwert threshold schwelle alarm parameter sp",
}
_SHORT = 3
"""Up to so many letters a stem must be the whole word, as one behind "=" must; a longer one may stand anywhere in it."""

_TRANSCRIBED = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue"})
_PARTS = re.compile(r"[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*|\d+[a-z]*")
_FORMULAS = re.compile(r"(?i)(?<![a-z])(nox|no2|so2|co2|nh3|h2o|o2|hcl|hf)(?![a-z0-9])")

ChoiceT = TypeVar("ChoiceT")


@dataclass(frozen=True, slots=True)
class Words:
    """What the names on the way to a variable tell, its own names first."""

    levels: tuple[frozenset[Word], ...]

    def own(self, *words: Word) -> bool:
        """Tells whether the variable's own names hold one of these."""
        return any(word in self.levels[0] for word in words)

    def any_of(self, *words: Word) -> bool:
        """Tells whether any name on the way holds one of these."""
        return any(word in level for level in self.levels for word in words)

    def nearest(self, choices: Mapping[Word, ChoiceT]) -> ChoiceT | None:
        """Gives the first choice, in their order, whose word stands in the nearest name that holds any."""
        for level in self.levels:
            for word, choice in choices.items():
                if word in level:
                    return choice
        return None

    def first_own(self, choices: Mapping[Word, ChoiceT]) -> ChoiceT | None:
        """The same among the variable's own names alone."""
        return Words(self.levels[:1]).nearest(choices)


def words_of(names: Sequence[str], also: Iterable[str] = (), unit: str = "") -> Words:
    """Finds the words of a variable.

    Args:
        names: the browse names on the way to it, its own last.
        also: more of its own names.
        unit: its unit in the server's words, which may say `bar(g)`.
    """
    own = " ".join([*names[-1:], *also])
    gauge = {Word.GAUGE} if re.search(r"(?i)bar_?\(?g|psig|bar\(?ü", unit) else set()
    absolute = {Word.ABSOLUTE} if re.search(r"(?i)bar_?\(?a|psia", unit) else set()
    return Words((_found(own) | gauge | absolute, *(_found(name) for name in reversed(names[:-1]))))


def _found(name: str) -> frozenset[Word]:
    spelled = unicodedata.normalize("NFC", name).translate(_TRANSCRIBED)
    parts = [part.casefold() for part in _PARTS.findall(spelled)]
    whole = {*parts, *(first + second for first, second in pairwise(parts))}
    whole |= {formula.casefold() for formula in _FORMULAS.findall(spelled)}
    return frozenset(word for word, stems in _STEMS.items() if any(_stands_in(stem, whole) for stem in stems.split()))


def _stands_in(stem: str, parts: Collection[str]) -> bool:
    if stem.startswith("="):
        return stem[1:] in parts
    return any(part == stem or (len(stem) > _SHORT and stem in part) for part in parts)
