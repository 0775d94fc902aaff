"""Webhooks: who is told of records, gaps, exceedances, and checks of instruments that are due."""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from ems_telemetry.config.access import is_loopback
from ems_telemetry.model import Scope
from ems_telemetry.records.registers.register import Body, Dated, Register, Text

WEBHOOK = "webhook"


class WebhookEvent(StrEnum):
    """What a webhook may be told of."""

    RECORD_FINALISED = "record.finalised"
    RECORD_AMENDED = "record.amended"
    RECORD_VOIDED = "record.voided"
    GAP_OPENED = "gap.opened"
    EXCEEDANCE_OPENED = "exceedance.opened"
    EXCEEDANCE_WITHDRAWN = "exceedance.withdrawn"
    EXCEEDANCE_REINSTATED = "exceedance.reinstated"
    CALIBRATION_DUE = "calibration.due"


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("is not a URL; write https://HOST/PATH") from error
    if not host or parts.scheme not in {"https", "http"}:
        raise ValueError("is not a URL; write https://HOST/PATH")
    if parts.scheme == "http" and not is_loopback(host):
        raise ValueError("must be https; http is for a receiver on this machine (127.0.0.1, ::1, localhost) only")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must not hold a password, since it is kept for years; the signature tells who sends")
    if parts.fragment:
        raise ValueError("must not have a part behind #; it is never sent")
    return url


class WebhookBody(Body):
    """A receiver, and what it is told of."""

    url: Annotated[str, StringConstraints(max_length=2_000, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_check_url)] = Field(
        description="Where events are posted: https, or http on this machine.", examples=["https://ems.example.com/plant"]
    )
    events: list[WebhookEvent] = Field(min_length=1, max_length=20, description="What it is told of.")
    active: bool = Field(default=True, description="False: nothing is sent, and what waits is given up.")
    note: Text | None = None


REGISTERS = (
    Register(
        kind=WEBHOOK,
        path="webhooks",
        title="Webhooks: who is told of records, gaps, exceedances, and checks of instruments that are due.",
        body=WebhookBody,
        example=WebhookBody(
            url="https://ems.example.com/plant", events=[WebhookEvent.RECORD_FINALISED, WebhookEvent.RECORD_AMENDED]
        ),
        scopes=(Scope.ADMIN,),
        readers=(Scope.ADMIN, Scope.AUDIT),
        dated=Dated.MOMENT,
        untimed=True,
        has_secret=True,
    ),
)
