"""The OPC UA connector file: one server, its meters, and for each point the node it is read from."""

from enum import StrEnum
from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ems_telemetry.config.base import Model, SecretFile
from ems_telemetry.config.connector import ConnectorFile, Meter, Point, UserCredentials
from ems_telemetry.config.scalars import Duration
from ems_telemetry.connectors.opcua.nodes import parse_node


class SecurityPolicy(StrEnum):
    """How messages are protected, by the names servers show."""

    NONE = "None"
    BASIC256SHA256 = "Basic256Sha256"
    AES128_SHA256_RSAOAEP = "Aes128_Sha256_RsaOaep"
    AES256_SHA256_RSAPSS = "Aes256_Sha256_RsaPss"


class SecurityMode(StrEnum):
    """What the policy is used for."""

    NONE = "None"
    SIGN = "Sign"
    SIGN_AND_ENCRYPT = "SignAndEncrypt"


class Security(Model):
    """How the connection is protected."""

    policy: SecurityPolicy = SecurityPolicy.NONE
    """The security policy, one of those the server offers."""
    mode: SecurityMode = SecurityMode.NONE
    """Sign, or sign and encrypt."""
    certificate: SecretFile | None = None
    """Our certificate, PEM or DER; the server must trust it."""
    key: SecretFile | None = None
    """The private key of our certificate, PEM or DER."""
    server_certificate: SecretFile | None = None
    """The server's certificate, PEM or DER; any other server is then refused. If not said, the server is believed."""

    @model_validator(mode="after")
    def _policy_and_mode_agree(self) -> Self:
        secure = self.policy is not SecurityPolicy.NONE
        if secure != (self.mode is not SecurityMode.NONE):
            raise ValueError(f"policy {self.policy} does not go with mode {self.mode}; both are None, or neither is")
        if secure and (self.certificate is None or self.key is None):
            raise ValueError(f"policy {self.policy} needs certificate: and key:, the paths of our certificate and its key")
        return self


def _check_endpoint(text: str) -> str:
    try:
        url = urlsplit(text)
        complete = url.scheme == "opc.tcp" and bool(url.hostname) and url.port is not None
    except ValueError:
        complete = False
    if not complete:
        raise ValueError(f'"{_without_password(text)}" is not an OPC UA endpoint; write opc.tcp://host:4840 or …/path')
    if "@" in urlsplit(text).netloc:
        raise ValueError(f'"{_without_password(text)}" holds a user; say it with user: {{name: …, password_file: …}}')
    return text


def _without_password(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _check_node(text: str) -> str:
    parse_node(text)
    return text


Endpoint: TypeAlias = Annotated[str, AfterValidator(_check_endpoint), Field(examples=["opc.tcp://10.20.0.40:4840"])]
NodeText: TypeAlias = Annotated[str, AfterValidator(_check_node), Field(examples=["nsu=urn:plc:air;s=Air.Total"])]


class OpcUaPoint(Point):
    """One quantity of a meter, read from one node."""

    node: NodeText
    """The node's id: `ns=2;s=…`, or better `nsu=urn:…;s=…`, which survives a restart of the server."""
    deadband: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    """Changes up to this much are not sent, in the server's own number (before `scale`); the server does the filtering."""
    sampling_interval: Duration | None = None
    """How often the server looks at the node, where that is not the connector's."""
    publishing_interval: Duration | None = None
    """How often the server sends what it saw, where that is not the connector's."""
    queue_size: int = Field(default=10, ge=1, le=100_000)
    """How many changes the server keeps between two publishings; the oldest goes first."""

    @property
    def source(self) -> str:
        """Where the point is found: its node id."""
        return self.node


class OpcUaMeter(Meter[OpcUaPoint]):
    """An instrument whose values stand in nodes of the server."""


class OpcUaFile(ConnectorFile[OpcUaMeter]):
    """One OPC UA server."""

    type: Literal["opcua"]
    endpoint: Endpoint
    """The server's address."""
    security: Security = Security()
    user: UserCredentials | None = None
    """Who we are to the server; anonymous if not said."""
    sampling_interval: Duration | None = None
    """How often the server looks at the nodes; as they change, if not said."""
    publishing_interval: Duration = 1.0
    """How often the server sends what it saw."""
    session_timeout: Duration = Field(default=30.0, ge=1.0)
    """After half of it without a sign of life the server counts as lost; after all of it the server forgets us."""
