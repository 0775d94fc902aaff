"""Sends dead letters on their way again: what lies in them is read by the configuration of now, and goes through the spool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from ems_telemetry.api.retried import Retried
from ems_telemetry.clock import Clock
from ems_telemetry.config.load import Configuration, LoadedConnector
from ems_telemetry.connectors.contract import ConnectorType, find_connector_types
from ems_telemetry.errors import SpoolDamagedError, SpoolFullError
from ems_telemetry.model import DEAD_LETTER_PAYLOAD_BYTES, Batch, DeadLetter, Reading, Sample
from ems_telemetry.normalize.letters import unpack_sample
from ems_telemetry.normalize.meaning import Normalizer
from ems_telemetry.service.access import open_database
from ems_telemetry.service.feeding import Fed, Tell, feeding
from ems_telemetry.spool.port import SpoolWriter
from ems_telemetry.storage.audit import SERVICE, Actor
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.letters import (
    LetterPage,
    RetriedLetter,
    begin_retry,
    end_retry,
    fail_retry,
    find_letters,
    knows_point,
    letters_to_retry,
    unpack_reading,
)
from ems_telemetry.storage.load import CONFLICT
from ems_telemetry.storage.losses import LetterFilter
from ems_telemetry.storage.reading import BEGINNING

_PAGE = 500


class _NothingCameError(ValueError):
    """The letter gives no reading; the words are for the person who retries it."""


class Selection(NamedTuple):
    """Which letters are retried: those named, or all that fit the filter."""

    ids: Sequence[UUID] = ()
    wanted: LetterFilter = LetterFilter()
    since: datetime = BEGINNING
    again: bool = False
    """Also those that have become readings already."""


@dataclass(slots=True)
class RetriedAll:
    """What became of the letters of a selection."""

    letters: int = 0
    readings: int = 0
    in_vain: list[tuple[DeadLetter, str]] = field(default_factory=list)
    """Those that gave no reading, with the reason."""
    done_before: int = 0
    """Those named that had become readings already, and were left alone."""
    missing: Sequence[UUID] = ()
    """Those named that are not there."""
    fed: Fed = field(default_factory=lambda: Fed(stored=True))


class Retrier:
    """Retries letters of one configuration. Building one reads nothing."""

    def __init__(self, configuration: Configuration, database: Database, spool: SpoolWriter, clock: Clock) -> None:
        self._connectors = {loaded.name: loaded for loaded in configuration.connectors}
        self._configuration = configuration
        self._database = database
        self._spool = spool
        self._clock = clock
        self._types: Mapping[str, ConnectorType] | None = None

    async def retry(self, letter: DeadLetter, by: Actor = SERVICE) -> Retried:
        """Reads a letter again; what comes of it is durable in the spool when this returns. The letter is told either way.

        Args:
            letter: the letter.
            by: who lets it be retried.

        Raises:
            TransientError: the database is out of reach.
        """
        try:
            readings, left_out = await self._read(letter)
        except _NothingCameError as error:
            await fail_retry(self._database, letter.id, str(error), by=by)
            return Retried(0, str(error))
        at = self._clock.now()
        await begin_retry(self._database, letter.id, at, by=by)
        try:
            await self._spool.append(Batch(letter.connector, readings))
        except (SpoolFullError, SpoolDamagedError) as error:
            await fail_retry(self._database, letter.id, str(error), begun=True, by=by)
            return Retried(0, str(error))
        note = f"{len(readings)} reading{'' if len(readings) == 1 else 's'}{left_out}"
        await end_retry(self._database, letter.id, at, note)
        return Retried(len(readings), note)

    async def _read(self, letter: DeadLetter) -> tuple[Sequence[Reading], str]:
        if letter.reason == CONFLICT:
            raise _NothingCameError("another value is stored for this point and time, and the first one stands")
        if len(letter.payload) >= DEAD_LETTER_PAYLOAD_BYTES:
            raise _NothingCameError("its payload was too long and was cut, so that it cannot be read again")
        if (reading := unpack_reading(letter.payload)) is not None:
            if not await knows_point(self._database, reading.point):
                raise _NothingCameError(f'the point "{reading.point}" is still not known')
            return [reading], ""
        sample = unpack_sample(letter)
        samples = self._samples_in(letter) if sample is None else [sample]
        return self._give_meaning(letter.connector, samples)

    def _samples_in(self, letter: DeadLetter) -> Sequence[Sample]:
        loaded = self._loaded(letter.connector)
        type_ = self._type_of(loaded)
        if type_.reread is None:
            raise _NothingCameError(f"a connector of type {type_.name} cannot read what lies in it again")
        try:
            samples = type_.reread(loaded.file, letter)
        except ValueError as error:
            raise _NothingCameError(f"it still cannot be read: {error}") from error
        wanted = [sample for sample in samples if letter.point in {None, sample.point}]
        if not wanted:
            raise _NothingCameError(f"nothing in it is for {letter.point or 'any point'}")
        return wanted

    def _give_meaning(self, connector: str, samples: Sequence[Sample]) -> tuple[Sequence[Reading], str]:
        self._loaded(connector)
        points = [point for point in self._configuration.points if point.connector == connector]
        readings, letters = Normalizer(connector, points).normalize(samples)
        if not readings:
            raise _NothingCameError(f"it still cannot be read: {letters[0].detail}")
        return readings, "".join(f"; not {letter.point}: {letter.detail}" for letter in letters)

    def _loaded(self, connector: str) -> LoadedConnector:
        if connector not in self._connectors:
            raise _NothingCameError(f'the connector "{connector}" is not configured any more')
        return self._connectors[connector]

    def _type_of(self, loaded: LoadedConnector) -> ConnectorType:
        if self._types is None:
            self._types = find_connector_types()
        return self._types[loaded.file.type]


async def retry_selected(configuration: Configuration, selection: Selection, tell: Tell, by: Actor = SERVICE) -> RetriedAll:
    """Retries all letters of a selection, oldest first, with or without a running service.

    Args:
        configuration: by which they are read.
        selection: which ones.
        tell: tells people what is waited for.
        by: who lets them be retried.

    Raises:
        TransientError: the database is out of reach.
        SpoolFullError: the spool does not empty; those that were retried so far are.
    """
    result = RetriedAll()
    async with open_database(configuration) as database, feeding(configuration, database) as feed:
        retrier = Retrier(configuration, database, feed.spool, feed.clock)
        if selection.ids:
            found = await find_letters(database, list(selection.ids))
            result.missing = [id_ for id_ in selection.ids if id_ not in {each.letter.id for each in found}]
            due = [each for each in found if selection.again or not each.is_done]
            result.done_before = len(found) - len(due)
            await _retry_page(due, retrier, result, by)
        else:
            page = LetterPage(_PAGE)
            while letters := await letters_to_retry(
                database, selection.wanted, page, since=selection.since, again=selection.again
            ):
                await feed.pace(tell)
                await _retry_page(letters, retrier, result, by)
                page = LetterPage(_PAGE, letters[-1].letter.received_at, letters[-1].letter.id)
        result.fed = await feed.emptied()
    return result


async def _retry_page(letters: Sequence[RetriedLetter], retrier: Retrier, result: RetriedAll, by: Actor) -> None:
    for each in letters:
        retried = await retrier.retry(each.letter, by)
        result.letters += 1
        result.readings += retried.readings
        if not retried.readings:
            result.in_vain.append((each.letter, retried.note))
