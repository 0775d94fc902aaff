"""Sheets of facts: what stands in them, and where they are wrong."""

import pytest

from ems_telemetry.records.registering.sheets import columns_of, read_sheet
from ems_telemetry.records.registers import REGISTERS

pytestmark = pytest.mark.unit
SAMPLES = "id,site,taken_at,taken_by,place,parameter,method,value,unit,qualifier,lod\n"
RIGHT = "LAB-1,BER1,2026-03-02T08:30:00+01:00,M. Schulz,outfall-1,COD,DIN 38409-41,42.5,mg/L,=,5\n"


def wrong(kind: str, text: str) -> list[str]:
    return [f"{each.line}: {each}" for each in read_sheet(REGISTERS[kind], text, "a file").mistakes]


def test_a_line_becomes_a_fact_with_all_its_digits() -> None:
    (statement,) = read_sheet(REGISTERS["sample"], "\ufeff" + SAMPLES + RIGHT, "a file").statements
    new = statement.new
    assert (new.id, new.site, new.reason, new.valid_to) == ("LAB-1", "BER1", "a file", None)
    assert new.valid_from is not None
    assert new.valid_from.isoformat() == "2026-03-02T08:30:00+01:00"
    assert (new.body["value"], new.body["lod"], new.body["lab"]) == ("42.5", "5", None)


def test_dotted_names_lists_and_names_of_ones_own() -> None:
    waste = (
        "id;site;code;hp;gross.value;gross.unit;tare.value;tare.unit;operation;moved_at\n"
        "W-1;BER1;15 02 02*;HP14, HP4;18460;kg;12.140;t;R1;2026-03-02T08:30:00Z\n"
    )
    assert wrong("waste_movement", waste.replace("HP4", "HP44")) == ['2: hp: "HP44" is no hazardous property; say HP1 to HP15']
    (statement,) = read_sheet(REGISTERS["waste_movement"], waste, "a file").statements
    assert (statement.new.body["hp"], statement.new.body["tare"]) == (["HP14", "HP4"], {"value": "12.14", "unit": "t"})
    sets = (
        "id,name,values.CO2,values.CH4,source.document,source.edition,source.table,source.reference,reason\n"
        "OWN,OWN,1,28,a,b,c,d,of our own\n"
    )
    (statement,) = read_sheet(REGISTERS["gwp_set"], sets, "a file").statements
    assert (statement.new.body["values"], statement.new.reason) == ({"CO2": "1", "CH4": "28"}, "of our own")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (RIGHT.replace("42.5", '"42,5"'), '2: value: "42,5" is no number here; write it as 42.5'),
        (RIGHT.replace("LAB-1", ""), "2: id: is missing; give each line one"),
        (RIGHT.replace("LAB-1", "LAB 1"), '2: id: "LAB 1" holds more than letters'),
        (RIGHT.replace("BER1", ""), "2: site: is missing"),
        (RIGHT.replace("+01:00", ""), '2: taken_at: "2026-03-02T08:30:00" should have timezone info'),
        (RIGHT.replace(",=,", ",ND,"), "2: of what was not detected there is no `value`"),
        (RIGHT.replace("mg/L", ""), "2: unit: is missing; fill it in"),
        (RIGHT.rstrip() + ",more\n", "2: has 12 cells, and there are 11 columns"),
        ('"' + RIGHT, "is no CSV"),
    ],
)
def test_a_mistake_is_told_with_line_column_value_and_remedy(line: str, words: str) -> None:
    (told,) = wrong("sample", SAMPLES + line)
    assert words in told


def test_lines_are_counted_as_an_editor_counts_them() -> None:
    quoted = RIGHT.replace("M. Schulz", '"M.\nSchulz"').replace("LAB-1", "LAB-0")
    assert wrong("sample", SAMPLES + RIGHT + "\n" + RIGHT.replace("42.5", "x"))[0].startswith("4: value")
    assert wrong("sample", SAMPLES + quoted + RIGHT.replace("42.5", "x"))[-1].startswith("4: value")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (SAMPLES.replace("place", "plase"), "1: plase: is no column here; did you mean place?"),
        (SAMPLES.replace("lod", "unit"), "1: unit: stands twice"),
        ("", "1: the first line names the columns"),
    ],
)
def test_a_wrong_head_is_told_once(head: str, words: str) -> None:
    (told,) = wrong("sample", head + RIGHT) if head else wrong("sample", "")
    assert words in told


@pytest.mark.parametrize("kind", REGISTERS)
def test_every_register_has_columns(kind: str) -> None:
    columns = columns_of(REGISTERS[kind])
    assert len(set(columns)) == len(columns) > 5
