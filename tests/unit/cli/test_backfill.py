"""`backfill`, `dead-letters` and `spool` as far as they need no database: what is refused, and that all is documented."""

import json
from pathlib import Path

import pytest
import typer
from typer.main import get_command
from typer.testing import CliRunner

from ems_telemetry.cli.main import make_app
from ems_telemetry.errors import ConfigurationError, SpoolDamagedError

COMMANDS = (Path(__file__).parents[3] / "docs" / "commands.md").read_text()
RUNNER = CliRunner()
HAND = """
type: manual
site: BER1
meters:
  - {id: GM-01, points: [{id: volume, quantity: gas_volume, unit: Nm3, kind: counter}]}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    (tmp_path / "connectors").mkdir()
    (tmp_path / "connectors" / "hand.yaml").write_text(HAND)
    (tmp_path / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]")
    (tmp_path / "ems.yaml").write_text("spool: {directory: spool}\nconnectors: connectors/*.yaml\n")
    return str(tmp_path / "ems.yaml")


def section(verb: str) -> str:
    level = "##" if f"\n## `{verb}" in COMMANDS else "###"
    return COMMANDS.partition(f"\n{level} `{verb}")[2].partition(f"\n{level} ")[0]


def verbs() -> dict[str, typer.core.TyperCommand]:
    found: dict[str, typer.core.TyperCommand] = {}
    for name, verb in get_command(make_app()).commands.items():  # type: ignore[attr-defined]  # a group, since there are several verbs
        if name in {"dead-letters", "spool"}:
            found |= {f"{name} {inner}": each for inner, each in verb.commands.items()}
        elif name == "backfill":
            found[name] = verb
    return found


def test_every_verb_and_option_is_documented() -> None:
    missing = [
        (verb, option)
        for verb, command in verbs().items()
        for parameter in command.params
        for option in parameter.opts
        if option.startswith("--") and option not in {"--config", "--json"} and f"`{option}" not in section(verb)
    ]
    assert len(verbs()) == 5
    assert missing == []


def test_a_file_is_checked_and_nothing_is_taken(config: str, tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    file.write_text("point,time,value\nGM-01.volume,2026-03-02 08:00,1\nGM-01.volume,2026-03-02 08:00,lots\n")
    answer = RUNNER.invoke(make_app(), ["backfill", str(file), "--check", "--json", "--config", config])
    told = json.loads(answer.output)
    assert (answer.exit_code, told["rows"], told["wrong"], told["taken"]) == (1, 2, 1, 0)
    assert (told["problems"][0]["line"], "stored" in told) == (3, False)
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize("name", ["history.csv", "history.txt", "none.ndjson"])
def test_nothing_is_taken_of_a_file_that_cannot_be_read_or_has_other_columns(config: str, tmp_path: Path, name: str) -> None:
    for given in ("history.csv", "history.txt"):
        (tmp_path / given).write_text("point,when,value\nGM-01.volume,2026-03-02 08:00,1\n")
    answer = RUNNER.invoke(make_app(), ["backfill", str(tmp_path / name), "--config", config])
    assert isinstance(answer.exception, ConfigurationError)
    assert not (tmp_path / "spool").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either a FILE, or --connector"),
        (["file.csv", "--connector", "hand"], "give either a FILE, or --connector"),
        (["--connector", "hand"], "--connector needs --from"),
        (["--connector", "hand", "--from", "yesterday"], "is not an RFC 3339 time"),
        (["--connector", "hand", "--from", "2026-03-02T10:00:00Z", "--to", "2026-03-02T10:00:00Z"], "is not before --to"),
    ],
)
def test_what_is_not_said_clearly_is_refused(config: str, arguments: list[str], said: str) -> None:
    answer = RUNNER.invoke(make_app(), ["backfill", *arguments, "--config", config])
    assert (answer.exit_code, said in answer.output) == (2, True)


@pytest.mark.parametrize(("connector", "said"), [("hnad", "did you mean hand"), ("hand", "type manual reads no history")])
def test_a_connector_without_history_is_named(config: str, connector: str, said: str) -> None:
    asked = ["backfill", "--connector", connector, "--from", "2026-03-02T10:00:00Z", "--config", config]
    answer = RUNNER.invoke(make_app(), asked)
    assert isinstance(answer.exception, ConfigurationError)
    assert said in str(answer.exception)


@pytest.mark.parametrize(
    ("arguments", "said"), [([], "say which"), (["--since", "later"], "is neither a duration, as 2d, nor a time")]
)
def test_letters_are_retried_only_when_it_is_said_which(config: str, arguments: list[str], said: str) -> None:
    answer = RUNNER.invoke(make_app(), ["dead-letters", "retry", *arguments, "--config", config])
    assert (answer.exit_code, said in answer.output) == (2, True)


def test_a_spool_that_is_not_there_is_told(config: str) -> None:
    answer = RUNNER.invoke(make_app(), ["spool", "status", "--watch", "0", "--config", config])
    assert isinstance(answer.exception, SpoolDamagedError)
