"""The status as people read it over ssh: its words, its marks, and never a line wider than the terminal."""

from typing import Any

import pytest
from standings import CONFIGURATION, DATABASE, SPOOL, WRITER, ago, changed, connector, refused, standing

from ems_telemetry.api.standing import GapsStanding, Outcome, Reload, Standing
from ems_telemetry.cli.reloading import outcome_lines
from ems_telemetry.cli.status_text import absence_lines, standing_lines
from ems_telemetry.observe import LinkState
from ems_telemetry.service.absence import Absence

ADDRESS = "http://127.0.0.1:8080"
DOWN = connector(
    "compressor-and-stack-of-the-old-hall",
    state=LinkState.DOWN,
    since=ago(minutes=4),
    last_error="cannot connect to opc.tcp://10.20.0.40:4840: nobody listens there; is the server running and the port open?",
    last_error_at=ago(seconds=12),
    per_second={"stored": 0.0},
    sessions=3,
)
EVERYTHING: dict[str, Any] = {
    "connectors": [connector(), DOWN],
    "database": changed(DATABASE, reachable=False, problem="the database at db:5432/ems is out of reach: refused"),
    "writer": changed(WRITER, connected=False, last_error="out of reach", last_error_at=ago(seconds=40)),
    "spool": changed(SPOOL, share=0.83, hours_left=2.1, oldest_age_s=500.0),
    "gaps": GapsStanding(open=None),
    "configuration": changed(CONFIGURATION, last_reload=refused("connectors/a.yaml:3: key what is not known")),
}


def shown(found: Standing, width: int = 80) -> str:
    return "\n".join(standing_lines(found, ADDRESS, width))


def test_all_is_well_in_a_dozen_lines() -> None:
    assert shown(standing()) == (
        "✓ ems-telemetry 0.1.0 at http://127.0.0.1:8080, up 3 d 4 h: all is well\n"
        "\n"
        "✓ database   db:5432/ems: PostgreSQL 17.12, TimescaleDB 2.31.2 (timescale); 2\n"
        "             jobs, none failing\n"
        "✓ writer     34.2 rows/s, 11 ms a commit, lag 0.2 s\n"
        "✓ spool      0.0% of 4 GiB, 3 batches, oldest 0.2 s; room for 24 d at 2 KiB/s;\n"
        "             disk 120 GiB free\n"
        "✓ gaps       none open\n"
        "✓ intervals  up to date, looked 4.0 s ago\n"
        "✓ files      revision 12, in force for 5 h\n"
        "\n"
        "  connector     state      for stored/s dead/s refused/s sessions\n"
        "✓ hall-1           up      3 d       12      0         0        1"
    )


def test_everything_that_is_wrong_is_marked_where_it_stands() -> None:
    lines = shown(standing(**EVERYTHING)).splitlines()
    assert lines[0].endswith("4 things are wrong")
    marks = {line.split()[1]: line[0] for line in lines if line[:1] in "✓◆✕■" and line[:1].strip()}
    assert marks == {
        "ems-telemetry": "✕",
        "database": "✕",
        "writer": "✕",
        "spool": "✕",
        "gaps": "■",
        "intervals": "✓",
        "files": "✕",
        "hall-1": "✓",
        "compressor-and-stack-of…": "✕",
    }
    text = " ".join(" ".join(lines).split())
    assert "✕ the database is away: the database at db:5432/ems is out of reach: refused; readings wait in the spool" in text
    assert "✕ the spool is 83% full, room for 2 h 6 min at the present rate" in text
    assert "nobody listens there" in text
    assert "a reload was refused 5 min ago" in text
    assert "not known while the database is away" in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("parts", [{}, EVERYTHING])
def test_no_line_is_wider_than_the_terminal(parts: dict[str, Any], width: int) -> None:
    assert max(len(line) for line in shown(standing(**parts), width).splitlines()) <= width


def test_a_service_that_does_not_run_is_told_apart_from_one_that_does_not_answer() -> None:
    away = Absence(spool_directory="/var/spool", spool_is_held=False, process=None, max_size_bytes=2**32)
    held = away.model_copy(
        update={"spool_is_held": True, "process": 4711, "batches": 1204, "size_bytes": 3_300_000, "oldest_age_s": 7500.0}
    )
    text = "\n".join(absence_lines(held, ADDRESS, "Connection refused", 80))
    assert "✕ the service does not answer at http://127.0.0.1:8080: Connection refused" in text
    assert "✕ process    process 4711 holds the spool /var/spool: it runs, and does not" in text
    assert "◆ spool      1,204 batches wait, 3.1 MiB of 4 GiB; the oldest has waited 2 h 5" in text
    gone = away.model_copy(update={"spool_problem": "there is no spool yet", "database_answers": False, "database": "refused"})
    text = "\n".join(absence_lines(gone, ADDRESS, "Connection refused", 80))
    assert "■ process    none holds the spool /var/spool: the service does not run" in text
    assert "✕ database   refused" in text


def test_a_reload_is_told_by_what_it_touched() -> None:
    reload = Reload(
        outcome=Outcome.ACCEPTED,
        cause="signal",
        began_at=ago(),
        took_s=1,
        started=["d"],
        restarted=["a", "b"],
        kept=3,
        notes=["api.port takes effect at the next start"],
    )
    assert outcome_lines(reload) == ["started d; restarted a, b; 3 kept", "api.port takes effect at the next start"]
    unchanged = reload.model_copy(update={"outcome": Outcome.UNCHANGED, "started": [], "restarted": [], "notes": []})
    assert outcome_lines(unchanged) == ["nothing has changed; 3 kept"]
