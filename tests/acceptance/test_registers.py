"""Facts from files on the command line: the factors that travel with the product, and sheets of one's own."""

import json
from pathlib import Path

import pytest
from acceptance.conftest import MakeProduct
from acceptance.product import Product, command

HAND = """
    type: manual
    site: BER1
    meters:
      - {id: EM-01, medium: electricity, points: [{id: energy, quantity: active_energy_import, unit: kWh, kind: counter}]}
    """
HEAD = "id,site,taken_at,taken_by,place,parameter,method,value,unit\n"
RIGHT = "LAB-1,BER1,2026-03-02T08:30:00Z,M. Schulz,outfall-1,COD,DIN 38409-41,42.5,mg/L\n"


def run(product: Product, *arguments: str) -> tuple[int, str]:
    done = command(*arguments, "--config", str(product.config))
    return done.returncode, done.stdout + done.stderr


@pytest.mark.endurance
def test_facts_come_from_files_once_however_often_they_are_imported(
    plain_url: str, make_product: MakeProduct, tmp_path: Path
) -> None:
    product = make_product(plain_url, {"hand": HAND})
    product.start()
    product.wait_until_ready()

    assert run(product, "factors", "import", "--dry-run") == (
        0, "16 new, 0 known already, 0 known otherwise, 0 refused; nothing was stored, as asked\n",
    )  # fmt: skip
    assert "somebody else has to approve" in run(product, "factors", "import")[1]
    code, told = run(product, "factors", "import", "--json")
    assert (code, len(json.loads(told)["duplicates"]), json.loads(told)["accepted"]) == (0, 16, [])

    own = tmp_path / "own.yaml"
    own.write_text(
        "factors:\n  - id: grid\n    activity: electricity\n    region: DE\n    gas: CO2e\n    value: a lot\n    unit: t\n"
    )
    code, told = run(product, "factors", "import", str(own))
    assert code == 1
    assert f'{own}:6: value: "a lot"' in told
    assert f"{own}:7: unit" in told
    assert "source: is missing" in told

    sheet = tmp_path / "samples.csv"
    sheet.write_text(HEAD + RIGHT + RIGHT.replace("LAB-1", "LAB-2").replace("42.5", '"42,5"'))
    code, told = run(product, "register", "import", str(sheet), "--kind", "sample")
    assert code == 1
    assert f'{sheet}:3: value: "42,5" is no number here; write it as 42.5' in told
    assert "nothing was stored" in told
    code, told = run(product, "register", "import", str(sheet), "--kind", "sample", "--partial")
    assert (code, "1 new" in told) == (1, True)
    sheet.write_text(HEAD + RIGHT)
    assert run(product, "register", "import", str(sheet), "--kind", "sample")[1].startswith("0 new, 1 known already")
    assert "did you mean sample" in run(product, "register", "import", str(sheet), "--kind", "sampel")[1]
