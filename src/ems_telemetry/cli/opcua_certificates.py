"""`opcua certificate` and `opcua trust`: our own certificate, and which servers we believe."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from ems_telemetry.cli.output import (
    EXIT_FAILED,
    ConfigOption,
    JsonOption,
    complain,
    print_json,
    print_table,
    say,
)
from ems_telemetry.config.load import DEFAULT_PATH, load_settings
from ems_telemetry.connectors.opcua.certificates import CertificateError, CertificateFacts, CertificateWish, as_der, as_pem
from ems_telemetry.connectors.opcua.own_certificate import OwnCertificate, OwnFolder, wish_as_before, wish_for_this_machine
from ems_telemetry.connectors.opcua.trust_folder import Kept, TrustFolder

DAYS = 5 * 365

certificate = typer.Typer(help="Our own certificate, by which servers know us.", no_args_is_help=True)
trust = typer.Typer(help="Which servers we believe.", no_args_is_help=True)

DaysOption: TypeAlias = Annotated[int, typer.Option("--days", min=1, max=36_500, help="How long it is to be valid.")]
HostOption: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--host", help="A name or address of this machine; may be given again. Its host name, if not said."),
]
OrganizationOption: TypeAlias = Annotated[
    str | None, typer.Option("--organization", help="Who runs the service, for the certificate's subject.")
]
FingerprintArgument: TypeAlias = Annotated[
    str, typer.Argument(metavar="FINGERPRINT", help="SHA-256 or SHA-1, or a beginning of it that means one certificate only.")
]


def add_to(group: typer.Typer) -> None:
    """Adds the verbs."""
    group.add_typer(certificate, name="certificate")
    group.add_typer(trust, name="trust")


@certificate.command()
def make(
    days: DaysOption = DAYS,
    host: HostOption = None,
    organization: OrganizationOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Even if there is one: with a new key, the old one kept aside.")
    ] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Make our certificate. Not needed as a rule: it is made when a connector first needs one."""
    folder = _own_folder(config)
    if folder.find() is not None and not force:
        complain(f"there is a certificate at {folder.certificate_path}; `renew` puts another in its place, --force begins anew")
        raise typer.Exit(EXIT_FAILED)
    wish = _wish(wish_for_this_machine(), days, host, organization)
    _show(folder.make(wish, datetime.now(UTC), keep=not force).facts, folder.certificate_path)


@certificate.command()
def show(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """Show our certificate: what servers must be told to trust."""
    folder = _own_folder(config)
    facts = _ours(folder).facts
    if as_json:
        print_json({**_as_object(facts), "path": folder.certificate_path})
    else:
        _show(facts, folder.certificate_path)


@certificate.command()
def renew(
    days: DaysOption = DAYS,
    host: HostOption = None,
    organization: OrganizationOption = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make a new private key, too.")] = False,
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Put a new certificate in the place of ours, with the same application URI; servers must then trust the new one."""
    folder = _own_folder(config)
    wish = _wish(wish_as_before(_ours(folder)), days, host, organization)
    _show(folder.renew(wish, datetime.now(UTC), with_new_key=new_key).facts, folder.certificate_path)
    complain("Each server must now be told to trust this one; connectors show it from their next session on.")


@certificate.command()
def export(
    file: Annotated[Path, typer.Argument(help="Where to; text (PEM) if it ends in .pem or .crt, else binary (DER).")],
    config: ConfigOption = DEFAULT_PATH,
) -> None:
    """Copy our certificate, without its key, to be carried to a server."""
    ours = _ours(_own_folder(config)).certificate
    try:
        file.write_bytes(as_pem(ours) if file.suffix.lower() in {".pem", ".crt"} else as_der(ours))
    except OSError as error:
        raise CertificateError(f"{file} cannot be written: {error.strerror}") from error
    say(f"wrote {file}")


@trust.command("list")
def list_(config: ConfigOption = DEFAULT_PATH, as_json: JsonOption = False) -> None:
    """List the certificates we trust, and those of servers we turned away."""
    folder = _trust_folder(config)
    found = {"trusted": folder.trusted(), "rejected": folder.rejected()}
    if as_json:
        print_json(
            {
                state: [{**_as_object(kept.facts), "since": kept.since, "path": kept.path} for kept in those]
                for state, those in found.items()
            }
        )
        return
    rows = [_row(state, kept) for state, those in found.items() for kept in those]
    print_table(("state", "subject", "application URI", "SHA-256", "valid until", "first seen"), rows)
    for path in folder.trust_list().unreadable:
        complain(f"{path} cannot be read and has no effect")


@trust.command()
def accept(fingerprint: FingerprintArgument, config: ConfigOption = DEFAULT_PATH) -> None:
    """Trust a server that was turned away. A running service believes it from its next attempt on."""
    kept = _trust_folder(config).accept(fingerprint)
    say(f"trusted from now on: {kept.facts}")
    if kept.facts.not_after < datetime.now(UTC):
        complain(f"Mind that it expired on {kept.facts.not_after:%Y-%m-%d}.")


@trust.command()
def remove(fingerprint: FingerprintArgument, config: ConfigOption = DEFAULT_PATH) -> None:
    """Trust a server no longer; a session that stands goes on until it ends."""
    say(f"no longer trusted: {_trust_folder(config).remove(fingerprint).facts}")


def _own_folder(config: Path) -> OwnFolder:
    return OwnFolder(load_settings(config).pki.directory)


def _trust_folder(config: Path) -> TrustFolder:
    return TrustFolder(load_settings(config).pki.directory)


def _ours(folder: OwnFolder) -> OwnCertificate:
    found = folder.find()
    if found is None:
        raise CertificateError(
            f"there is no certificate at {folder.certificate_path} yet; it is made when a connector first needs one, "
            "or now by `ems-telemetry opcua certificate make`"
        )
    return found


def _wish(wish: CertificateWish, days: int, hosts: Sequence[str] | None, organization: str | None) -> CertificateWish:
    return replace(
        wish,
        hosts=tuple(hosts or wish.hosts),
        organization=organization or wish.organization,
        valid_for=timedelta(days=days),
    )


def _show(facts: CertificateFacts, path: Path) -> None:
    for name, value in (
        ("subject", facts.subject),
        ("application URI", facts.uri),
        ("hosts", ", ".join(facts.hosts)),
        ("valid", f"{facts.not_before:%Y-%m-%d} to {facts.not_after:%Y-%m-%d}"),
        ("thumbprint (SHA-1)", facts.thumbprint),
        ("fingerprint (SHA-256)", facts.fingerprint),
        ("file", path),
    ):
        say(f"{name:<22} {value}")


def _row(state: str, kept: Kept) -> tuple[object, ...]:
    facts = kept.facts
    return state, facts.subject, facts.uri, facts.fingerprint, f"{facts.not_after:%Y-%m-%d}", f"{kept.since:%Y-%m-%d %H:%M}Z"


def _as_object(facts: CertificateFacts) -> dict[str, object]:
    return {
        "subject": facts.subject,
        "application_uri": facts.uri,
        "hosts": facts.hosts,
        "not_before": facts.not_before,
        "not_after": facts.not_after,
        "thumbprint": facts.thumbprint,
        "fingerprint": facts.fingerprint,
    }
