"""Dead letters on their way again: by the configuration of now, through the spool, their rows telling what became of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import pytest
from small_plant import START, fetch, letter, write

from ems_telemetry.clock import SystemClock
from ems_telemetry.config.load import Configuration, load
from ems_telemetry.config.service import WhenFull
from ems_telemetry.connectors.contract import find_file_models
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, Batch, DeadLetter, Quality, Reading, Sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.service.retrying import Retrier, Selection, retry_selected
from ems_telemetry.spool.sqlite import SqliteSpool
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.load import plan
from ems_telemetry.storage.losses import LetterFilter

MQTT = """
type: mqtt
endpoint: mqtt://127.0.0.1
site: BER1
meters:
  - id: EM-01
    topic: plant/em01
    time: $.ts
    points:
      - {id: energy_import, value: $.kwh, quantity: active_energy_import, unit: kWh, kind: counter}
      - {id: power, value: $.kw, quantity: active_power, unit: kW}
"""
HAND = """
type: manual
site: BER1
meters:
  - {id: GM-01, points: [{id: state, quantity: operating_state, unit: "1", states: {running: 1}}]}
"""


@pytest.fixture
def configuration(tmp_path: Path, plain_url: str) -> Configuration:
    for name, text in (("broker", MQTT), ("hand", HAND)):
        (tmp_path / "connectors").mkdir(exist_ok=True)
        (tmp_path / "connectors" / f"{name}.yaml").write_text(text)
    (tmp_path / "plant.yaml").write_text("sites: [{id: BER1, name: Berlin, timezone: Europe/Berlin}]")
    service = tmp_path / "ems.yaml"
    service.write_text(f'database: {{url: "{plain_url}"}}\nspool: {{directory: spool}}\nconnectors: connectors/*.yaml\n')
    return load(service, find_file_models())


@asynccontextmanager
async def retrying(configuration: Configuration) -> AsyncIterator[tuple[Retrier, SqliteSpool, Database]]:
    spool = SqliteSpool(configuration.settings.spool.directory, max_size_bytes=10**8, when_full=WhenFull.REFUSE)
    async with Database(configuration.settings.database.url) as database:
        await spool.open()
        try:
            yield Retrier(configuration, database, spool, SystemClock()), spool, database
        finally:
            await spool.close()


async def retry(configuration: Configuration, one: DeadLetter) -> tuple[int, str, list[Reading]]:
    """Stores a letter, retries it, and gives what is told of it and what went into the spool."""
    async with retrying(configuration) as (retrier, spool, database):
        await write(database, Batch(one.connector, dead_letters=[one]))
        count, note = await retrier.retry(one)
        readings = [row for entry in await spool.read(10**6) for row in entry.batch.readings]
        ((retried_at, stored_note),) = await fetch(database, "SELECT retried_at, retry_note FROM dead_letters")
    assert (retried_at is not None) == bool(count)
    assert stored_note == note
    return count, note, readings


async def test_a_message_is_read_again_by_the_connector_of_now(configuration: Configuration) -> None:
    one = letter(connector="broker", source="plant/em01", payload=b'{"ts": "2026-03-02T10:00:00Z", "kwh": 7, "kw": 1.5}')
    count, note, readings = await retry(configuration, one)
    assert (count, note) == (2, "2 readings")
    assert [(row.point, row.time, row.value) for row in readings] == [
        ("EM-01.energy_import", START, 7.0),
        ("EM-01.power", START, 1.5),
    ]


async def test_of_a_message_only_the_point_of_the_letter_is_read(configuration: Configuration) -> None:
    payload = b'{"ts": "2026-03-02T10:00:00Z", "kwh": 7, "kw": "off"}'
    one = letter(connector="broker", source="plant/em01", point="EM-01.energy_import", payload=payload)
    assert (await retry(configuration, one))[:2] == (1, "1 reading")


async def test_what_of_a_message_is_still_no_number_is_named(configuration: Configuration) -> None:
    one = letter(connector="broker", source="plant/em01", payload=b'{"ts": "2026-03-02T10:00:00Z", "kwh": 7, "kw": "off"}')
    count, note, _ = await retry(configuration, one)
    assert (count, note) == (1, '1 reading; not EM-01.power: "off" is no number and none of the states')


async def test_a_word_that_has_come_to_be_a_state_becomes_a_reading(configuration: Configuration) -> None:
    unaware = Normalizer("hand", [])
    (one,) = unaware.normalize([Sample("GM-01.state", START, "running", START)]).dead_letters
    count, _, readings = await retry(configuration, one)
    assert (count, readings) == (1, [Reading("GM-01.state", START, 1.0, None, None, Quality.GOOD, 0, 0, START)])


async def test_a_reading_whose_point_is_known_by_now_goes_back_as_it_was(configuration: Configuration) -> None:
    row = Reading("EM-01.power", START, None, None, 65535.0, 0, 4, 3, START)
    (one,) = plan([Batch("elsewhere", [row])], {}).load.dead_letters
    assert one.reason == "unknown_point"
    unknown = one._replace(id=UUID(int=1), payload=one.payload.replace(b"EM-01.power", b"EM-77.power"))
    async with retrying(configuration) as (retrier, spool, database):
        await write(database, Batch("elsewhere", dead_letters=[one, unknown]))
        assert await retrier.retry(one) == (1, "1 reading")
        assert await retrier.retry(unknown) == (0, 'the point "EM-77.power" is still not known')
        (entry,) = await spool.read(10**6)
    assert (entry.batch.connector, list(entry.batch.readings)) == ("elsewhere", [row])


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (letter(reason="conflict"), "the first one stands"),
        (letter(connector="broker", payload=b"x" * DEAD_LETTER_PAYLOAD_BYTES), "was cut"),
        (letter(connector="gone"), 'the connector "gone" is not configured any more'),
        (letter(connector="hand"), "a connector of type manual cannot read what lies in it again"),
        (letter(connector="broker", source="plant/em01"), "it still cannot be read: the payload is not JSON"),
        (letter(connector="broker", source="plant/other"), "no meter has the topic"),
    ],
    ids=["conflict", "cut", "gone", "manual", "not_json", "topic"],
)
async def test_what_cannot_be_retried_says_why_and_stays_as_it_was(
    configuration: Configuration, one: DeadLetter, said: str
) -> None:
    count, note, readings = await retry(configuration, one)
    assert (count, readings) == (0, [])
    assert said in note


async def test_all_of_a_kind_are_retried_and_stored_once_without_a_running_service(configuration: Configuration) -> None:
    payload = '{{"ts": "2026-03-02T10:00:{:02}Z", "kwh": 7, "kw": 1}}'
    letters = [
        letter(number, connector="broker", source="plant/em01", reason="value_missing", payload=payload.format(number).encode())
        for number in range(1, 31)
    ]
    async with Database(configuration.settings.database.url) as database:
        await write(database, Batch("broker", dead_letters=[*letters, letter(99, connector="broker", reason="other")]))
        selection = Selection(wanted=LetterFilter(reason="value_missing"))
        result = await retry_selected(configuration, selection, print)
        assert (result.letters, result.readings, result.in_vain) == (30, 60, [])
        assert (result.fed.stored, result.fed.inserted, result.fed.duplicates) == (True, 60, 0)
        again = await retry_selected(configuration, selection, print)
        assert (again.letters, again.readings) == (0, 0)
        third = await retry_selected(configuration, selection._replace(again=True), print)
        assert (third.readings, third.fed.inserted, third.fed.duplicates) == (60, 0, 60)
        assert await fetch(database, "SELECT count(*) FROM readings") == [(60,)]


async def test_letters_that_are_named_are_retried_and_those_that_are_not_there_are_told(configuration: Configuration) -> None:
    one = letter(1, connector="broker", source="plant/em01", payload=b'{"ts": "2026-03-02T10:00:00Z", "kwh": 7, "kw": 1}')
    async with Database(configuration.settings.database.url) as database:
        await write(database, Batch("broker", dead_letters=[one]))
    selection = Selection(ids=[one.id, UUID(int=2)])
    first = await retry_selected(configuration, selection, print)
    assert (first.letters, first.missing) == (1, [UUID(int=2)])
    second = await retry_selected(configuration, selection, print)
    assert (second.letters, second.done_before) == (0, 1)
