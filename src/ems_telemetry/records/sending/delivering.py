"""Delivers what is in the outbox: in order for each webhook, at least once, and each webhook for itself.

A delivery is noted as such after it was accepted: whatever ends the courier in between, it is sent again, with the same id.
"""

import asyncio
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from ems_telemetry.clock import Clock
from ems_telemetry.config.service import WebhookSettings
from ems_telemetry.errors import EmsTelemetryError
from ems_telemetry.observe import Metrics, get_logger
from ems_telemetry.records.keeping.making import SERVICE
from ems_telemetry.records.registering.stating import find_revision, state
from ems_telemetry.records.registers import REGISTERS
from ems_telemetry.records.registers.webhooks import WEBHOOK
from ems_telemetry.records.sending.posting import Poster, PostError, open_poster
from ems_telemetry.retry import Backoff
from ems_telemetry.storage.database import Database
from ems_telemetry.storage.entries import NewEntry
from ems_telemetry.storage.outbox import (
    DeliveryRow,
    Target,
    count_deliveries,
    note_delivered,
    note_failure,
    purge_deliveries,
    read_due,
)

EVERY_S: Final = 1.0
TOLD_EVERY_S: Final = 10.0
PURGED_EVERY_S: Final = 3_600.0
GIVEN_UP_AFTER: Final = timedelta(days=3)
REMEMBERED: Final = timedelta(days=30)
"""For so long it can be seen what was delivered or given up."""
GONE: Final = 410
BACKOFF: Final = Backoff(initial_s=5.0, cap_s=3_600.0)


@dataclass(frozen=True, slots=True)
class DeliveryState:
    """How deliveries stand: how many wait and how many were given up, and what is wrong with which webhook."""

    waiting: int = 0
    failed: int = 0
    failing: dict[str, str] = field(default_factory=dict)
    last_error: str | None = None


class Courier:
    """Delivers for ever: `run` ends by being cancelled, at any time, and may be called again then. Building one does no I/O.

    Args:
        database: open.
        settings: which addresses are reached, and whom is trusted.
        clock: tells what is due.
        metrics: where it is counted.
        backoff: how long to wait between two attempts of one delivery.
        every_s: how often to look for what is due.
    """

    def __init__(  # a worker with its bounds
        self,
        database: Database,
        settings: WebhookSettings,
        *,
        clock: Clock,
        metrics: Metrics,
        backoff: Backoff = BACKOFF,
        every_s: float = EVERY_S,
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._metrics = metrics
        self._backoff = backoff
        self._every_s = every_s
        self._log = get_logger(__name__)
        self._counted_at = self._purged_at = float("-inf")
        self.state = DeliveryState()

    async def run(self) -> None:
        """Looks for what is due, and lets each webhook be served by a task of its own."""
        serving: dict[str, asyncio.Task[None]] = {}
        async with open_poster(self._settings) as poster, asyncio.TaskGroup() as group:
            while True:
                try:
                    due = await self._look()
                    self.state = replace(self.state, last_error=None)
                except EmsTelemetryError as error:
                    self._tell_away(str(error))
                    due = []
                serving = {webhook: task for webhook, task in serving.items() if not task.done()}
                for delivery, _ in due:
                    if delivery.webhook not in serving:
                        serving[delivery.webhook] = group.create_task(
                            self._serve(poster, delivery.webhook), name=f"webhook {delivery.webhook}"
                        )
                await self._clock.sleep(self._every_s)

    async def _look(self) -> list[tuple[DeliveryRow, Target]]:
        now, passed_s = self._clock.now(), self._clock.monotonic()
        async with self._database.connection() as connection:
            due = await read_due(connection, now)
            if passed_s - self._counted_at >= TOLD_EVERY_S:
                self._count(await count_deliveries(connection))
                self._counted_at = passed_s
            if passed_s - self._purged_at >= PURGED_EVERY_S:
                await purge_deliveries(connection, now, REMEMBERED)
                self._purged_at = passed_s
        return due

    async def _serve(self, poster: Poster, webhook: str) -> None:
        """Delivers one after the other as long as the first is due and is accepted."""
        with suppress(EmsTelemetryError):  # the next look finds the database away too, and tells
            while True:
                async with self._database.connection() as connection:
                    due = await read_due(connection, self._clock.now(), webhook)
                if not due or not await self._deliver(poster, *due[0]):
                    return

    async def _deliver(self, poster: Poster, delivery: DeliveryRow, target: Target) -> bool:
        try:
            status = await poster.post(delivery, target, int(self._clock.now().timestamp()))
        except PostError as error:
            return await self._put_off(delivery, str(error))
        if 200 <= status < 300:  # noqa: PLR2004  # RFC 9110: successful
            async with self._database.connection() as connection:
                await note_delivered(connection, delivery.id, self._clock.now())
            self._tell_well(delivery.webhook)
            self._metrics.webhook_deliveries.labels("delivered").inc()
            return True
        if status == GONE:
            await self._deactivate(delivery)
            return False
        return await self._put_off(delivery, f"answered {status}")

    async def _put_off(self, delivery: DeliveryRow, problem: str) -> bool:
        """Waits with a delivery, or gives it up; tells whether the next one may be tried."""
        now = self._clock.now()
        given_up = now - delivery.waiting_since >= GIVEN_UP_AFTER
        next_at = None if given_up else self._next_at(now, delivery)
        async with self._database.connection() as connection:
            await note_failure(connection, delivery.id, problem, now, next_at)
        self._metrics.webhook_deliveries.labels("failed" if given_up else "retried").inc()
        if delivery.webhook not in self.state.failing:
            self._log.warning("a webhook fails", event_code="webhook_failing", webhook=delivery.webhook, reason=problem)
        if given_up:
            self._log.error(
                "a delivery is given up", event_code="delivery_failed", webhook=delivery.webhook, delivery=str(delivery.id)
            )
        self._know(delivery.webhook, problem)
        return given_up

    def _next_at(self, now: datetime, delivery: DeliveryRow) -> datetime:
        last = delivery.waiting_since + GIVEN_UP_AFTER
        return min(now + timedelta(seconds=self._backoff.delay_s(delivery.attempts + 1)), last)

    async def _deactivate(self, delivery: DeliveryRow) -> None:
        """States that a webhook is not active any more, since its receiver says that it is gone for good."""
        now, reason = self._clock.now(), f"the receiver answered {GONE}: gone"
        async with self._database.connection() as connection:
            await note_failure(connection, delivery.id, reason, now, None)
            row = await find_revision(connection, WEBHOOK, delivery.webhook)
            if row is not None and row.body["active"] and "voided" not in row.decisions:
                body = {**row.body, "active": False}
                new = NewEntry(WEBHOOK, row.id, row.site, row.valid_from, row.valid_to, body, reason)
                await state(connection, SERVICE, REGISTERS[WEBHOOK], new, now, None)
        self._know(delivery.webhook, None)
        self._metrics.webhook_deliveries.labels("failed").inc()
        self._log.warning("a webhook is gone", event_code="webhook_gone", webhook=delivery.webhook)

    def _know(self, webhook: str, problem: str | None) -> None:
        """Keeps what is wrong with a webhook; None: nothing is."""
        others = {each: why for each, why in self.state.failing.items() if each != webhook}
        failing = others if problem is None else {**others, webhook: problem}
        self.state = replace(self.state, failing=dict(sorted(failing.items())))

    def _tell_well(self, webhook: str) -> None:
        if webhook in self.state.failing:
            self._know(webhook, None)
            self._log.info("a webhook takes deliveries again", event_code="webhook_well", webhook=webhook)

    def _tell_away(self, problem: str) -> None:
        if self.state.last_error != problem:
            self._log.warning("nothing can be delivered now", event_code="deliveries_waiting", reason=problem)
        self.state = replace(self.state, last_error=problem)

    def _count(self, found: dict[str, int]) -> None:
        counted = Counter(found)
        self.state = replace(self.state, waiting=counted["pending"], failed=counted["failed"])
        self._metrics.outbox_waiting.set(counted["pending"])
