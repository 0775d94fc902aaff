"""Dead letters that are retried: which are due, what their rows tell, and what comes back."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from small_plant import ENERGY, START, batch, fetch, letter, prepare, reading, write

from ems_telemetry.model import Batch
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.letters import (
    LetterPage,
    begin_retry,
    end_retry,
    fail_retry,
    find_letters,
    knows_point,
    letters_to_retry,
    unpack_reading,
)
from ems_telemetry.storage.losses import LetterFilter, summarise_dead_letters
from ems_telemetry.storage.reading import Span

NOW = datetime(2026, 3, 9, tzinfo=UTC)
ALL = LetterPage(100)


async def told(database: Database, number: int = 1) -> tuple[datetime | None, str | None]:
    (found,) = await find_letters(database, [UUID(int=number)])
    return found.retried_at, found.retry_note


async def due(database: Database, wanted: LetterFilter | None = None, *, again: bool = False) -> list[int]:
    letters = await letters_to_retry(database, wanted or LetterFilter(), ALL, again=again)
    return [each.letter.id.int for each in letters]


async def test_a_reading_of_an_unknown_point_is_found_in_its_letter(database: Database) -> None:
    unknown = reading("EM-09.energy", 1, 1.5, exact=None, raw=None)
    await write(database, batch(unknown, unknown._replace(value=float("inf"), time=START)))
    first, second = await letters_to_retry(database, LetterFilter(), ALL)
    assert {unpack_reading(each.letter.payload) for each in (first, second)} == {
        unknown,
        unknown._replace(value=float("inf"), time=START),
    }
    assert unpack_reading(b'{"ts": 1}') is None


async def test_letters_come_page_by_page_oldest_first_and_chosen(database: Database) -> None:
    letters = [letter(number, received_at=START + timedelta(seconds=number // 2)) for number in range(1, 6)]
    others = [letter(6, reason="other", connector="x", point=ENERGY)]
    await write(database, Batch("water-broker", dead_letters=letters), Batch("x", dead_letters=others))
    seen: list[int] = []
    page = LetterPage(2)
    while found := await letters_to_retry(database, LetterFilter(connector="water-broker"), page):
        seen += [each.letter.id.int for each in found]
        page = LetterPage(2, found[-1].letter.received_at, found[-1].letter.id)
    assert seen == [1, 2, 3, 4, 5]
    assert await due(database, LetterFilter(reason="other", point=ENERGY)) == [6]
    recent = await letters_to_retry(database, LetterFilter(), ALL, since=START + timedelta(seconds=2))
    assert [each.letter.id.int for each in recent] == [4, 5]


async def test_one_that_became_readings_is_not_due_again_unless_asked_for(database: Database) -> None:
    await write(database, Batch("water-broker", dead_letters=[letter(1), letter(2)]))
    await begin_retry(database, UUID(int=1), NOW)
    assert await told(database) == (NOW, None)
    assert await due(database) == [1, 2]
    await end_retry(database, UUID(int=1), NOW, "1 reading")
    assert await told(database) == (NOW, "1 reading")
    assert await due(database) == [2]
    assert await due(database, again=True) == [1, 2]


async def test_an_attempt_in_vain_changes_nothing_but_the_note(database: Database) -> None:
    await write(database, Batch("water-broker", dead_letters=[letter(1)]))
    await fail_retry(database, UUID(int=1), "still no JSON")
    assert await told(database) == (None, "still no JSON")
    await begin_retry(database, UUID(int=1), NOW)
    await end_retry(database, UUID(int=1), NOW, "1 reading")
    await fail_retry(database, UUID(int=1), "no JSON any more")
    assert await told(database) == (NOW, "no JSON any more")


async def test_a_reading_that_the_database_refuses_again_takes_the_success_back(database: Database) -> None:
    refused = batch(reading(flags=-1))
    await write(database, refused)
    ((id_,),) = await fetch(database, "SELECT id FROM dead_letters")
    await begin_retry(database, id_, NOW)
    await write(database, refused)
    await end_retry(database, id_, NOW, "1 reading")
    (found,) = await find_letters(database, [id_])
    assert (found.retried_at, found.is_done) == (None, False)
    assert str(found.retry_note).startswith("refused again: flags -1")


async def test_the_same_letter_twice_in_one_transaction_is_one_row(database: Database) -> None:
    await write(database, Batch("water-broker", dead_letters=[letter(1), letter(1)]), Batch("c", dead_letters=[letter(1)]))
    assert await fetch(database, "SELECT count(*) FROM dead_letters") == [(1,)]


async def test_kinds_are_counted_without_what_has_become_readings(database: Database) -> None:
    letters = [letter(number, received_at=START + timedelta(minutes=number)) for number in range(1, 5)]
    await write(database, Batch("water-broker", dead_letters=[*letters, letter(5, point=ENERGY, reason="other")]))
    await begin_retry(database, UUID(int=1), NOW)
    kinds = await summarise_dead_letters(database, None, Span(), LetterFilter())
    assert [(kind.point, kind.reason, kind.letters) for kind in kinds] == [(None, "unreadable", 3), (ENERGY, "other", 1)]
    assert (kinds[0].first, kinds[0].last) == (START + timedelta(minutes=2), START + timedelta(minutes=4))
    assert len(await summarise_dead_letters(database, None, Span(), LetterFilter(reason="other"))) == 1


@pytest.mark.parametrize(("key", "known"), [(ENERGY, True), ("EM-09.energy", False)])
async def test_a_point_is_known_or_not(database: Database, key: str, known: bool) -> None:  # noqa: FBT001 - a case
    await prepare(database)
    assert await knows_point(database, key) is known
