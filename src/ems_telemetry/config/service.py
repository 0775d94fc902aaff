"""The settings of the service itself: `config/ems-telemetry.yaml`, each key also from the environment.

`EMS_TELEMETRY__DATABASE__URL` stands for `database: {url: …}`, and wins over the file.
"""

import ssl
from enum import StrEnum
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from ems_telemetry.config.access import IssuerSettings, Rate, is_loopback
from ems_telemetry.config.base import FilePath, Model, PlainFile, SecretFile, read_secret
from ems_telemetry.config.scalars import SECONDS, ByteSize, Duration

EMBEDDED = "embedded"
LEAST_SPOOL_BYTES = 64 * 2**20
"""Several times the largest group of messages a connector hands over at once: one that never fits would wait for ever."""


class DatabaseSettings(Model):
    """Where readings are kept."""

    url: str = Field(default=EMBEDDED, repr=False)
    """A PostgreSQL URL without its password, or `embedded` for a PostgreSQL that the service starts by itself."""
    password: SecretStr | None = None
    """Best given as "${NAME}", from the environment."""
    password_file: SecretFile | None = None
    """A file that holds the password alone."""
    directory: FilePath = Field(default=Path("var/database"), validate_default=True)
    """Where the embedded database keeps its data."""
    migrate: bool = True
    """Bring the schema up to date at start; if false, `ems-telemetry migrate` does, run by whoever may change tables."""

    @field_validator("url")
    @classmethod
    def _embedded_or_postgresql(cls, url: str) -> str:
        if url != EMBEDDED and not url.startswith(("postgresql://", "postgres://")):
            raise ValueError("url is neither a PostgreSQL URL, as postgresql://ems@db.example:5432/ems, nor `embedded`")
        return url

    def read_password(self) -> SecretStr | None:
        """Gives the password, from wherever it stands."""
        return read_secret(self.password, self.password_file)


class WhenFull(StrEnum):
    """What happens to polled samples when the spool has no room. Sources that can wait are made to wait in any case."""

    REFUSE = "refuse"
    DROP_OLDEST = "drop_oldest"


class SpoolSettings(Model):
    """The durable buffer between meters and database."""

    directory: FilePath = Field(default=Path("var/spool"), validate_default=True)
    """Its folder; on a disk that survives a power cut."""
    max_size: ByteSize = 4 * 2**30
    """How much it may hold."""
    when_full: WhenFull = WhenFull.REFUSE
    """`refuse`: what comes in is refused, counted and noted as a gap; `drop_oldest`: what has waited longest is."""

    @field_validator("max_size")
    @classmethod
    def _large_enough(cls, max_size: int) -> int:
        if max_size < LEAST_SPOOL_BYTES:
            raise ValueError("max_size is too small to hold what may come in at once; give the spool 64MiB or more")
        return max_size


class PkiSettings(Model):
    """The certificates of connectors that protect their links with them."""

    directory: FilePath = Field(default=Path("var/pki"), validate_default=True)
    """Its folder: our own certificate and key, the servers we trust, and those we turned away."""


class TlsSettings(Model):
    """A certificate and its key, PEM."""

    certificate: SecretFile
    key: SecretFile


class ApiSettings(Model):
    """The REST API and the page."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    """0: any free one."""
    allow_anonymous: bool = False
    """Answer without a key; only together with a loopback host."""
    tls: TlsSettings | None = None
    oidc: tuple[IssuerSettings, ...] = ()
    """Issuers of OpenID Connect whose tokens are taken beside our own keys."""
    rate_limit: Rate = "600/minute"
    """How often each caller may ask."""
    failed_login_limit: Rate = "20/minute"
    """How often keys and tokens that do not hold may come from one address."""

    @model_validator(mode="after")
    def _each_issuer_once(self) -> Self:
        names = [one.issuer for one in self.oidc]
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            message = f'oidc names the issuer "{twice}" twice; whose tokens are taken, and for what, is said once'
            raise ValueError(message)
        return self

    @model_validator(mode="after")
    def _anonymous_only_on_loopback(self) -> Self:
        if self.allow_anonymous and not is_loopback(self.host):
            message = (
                f'allow_anonymous is only for a loopback host, and host is "{self.host}"; '
                "set host: 127.0.0.1, or make a key with `ems-telemetry keys create` and remove allow_anonymous"
            )
            raise ValueError(message)
        return self


class WebhookSettings(Model):
    """How webhooks are reached."""

    allow_private: bool = True
    """Reach addresses of the plant's network and of this machine; if false, public ones only."""
    ca_file: PlainFile | None = None
    """Certificates (PEM) by which receivers are known, beside those of the system."""

    @field_validator("ca_file")
    @classmethod
    def _holds_certificates(cls, ca_file: Path | None) -> Path | None:
        if ca_file is not None:
            try:
                ssl.create_default_context(cafile=str(ca_file))
            except (ssl.SSLError, OSError) as error:
                message = f'the file "{ca_file}" holds no certificates (PEM): {error.strerror or error}'
                raise ValueError(message) from error
        return ca_file


class RetentionSettings(Model):
    """How long raw readings are kept."""

    readings: Duration | None = None
    """Readings older than this are dropped; kept for ever if not said."""
    compress_after: Duration = 14 * SECONDS["d"]
    """Age at which TimescaleDB's columnstore takes a chunk over (Community edition only)."""


class EvidenceSettings(Model):
    """What makes records evidence to people outside: signatures, and the packs that auditors take away."""

    signing_key: FilePath | None = None
    """The file of the key that signs checkpoints and packs, made by `ems-telemetry evidence key make`."""
    directory: FilePath = Field(default=Path("var/evidence"), validate_default=True)
    """Where packs asked for over REST are kept."""
    max_packs: int = Field(default=100, ge=1, le=10_000)
    """How many packs the folder may hold; no more are made until some were moved elsewhere."""


class LogSettings(Model):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(Model):
    """Everything in `ems-telemetry.yaml`."""

    database: DatabaseSettings = DatabaseSettings()
    spool: SpoolSettings = SpoolSettings()
    pki: PkiSettings = PkiSettings()
    api: ApiSettings = ApiSettings()
    plant: FilePath = Field(default=Path("plant.yaml"), validate_default=True)
    """The plant file."""
    connectors: str = "../connectors/*.yaml"
    """The connector files, as a path with `*`."""
    retention: RetentionSettings = RetentionSettings()
    webhooks: WebhookSettings = WebhookSettings()
    evidence: EvidenceSettings = EvidenceSettings()
    log: LogSettings = LogSettings()
    watch_files: bool = False
    """Take a file over when it was changed, as `ems-telemetry reload` does."""
    stop_within: Duration = 10.0
    """How long stopping may take: what is under way reaches the spool, and what is in the spool the database."""
