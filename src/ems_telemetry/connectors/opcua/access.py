"""How a connection is protected and who we are to the server: the keys `security:` and `user:` of a connector file."""

from enum import StrEnum
from typing import Self

from pydantic import Field, SecretStr, model_validator

from ems_telemetry.config.base import Model, SecretFile, read_secret


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
    """Our certificate, PEM or DER, where it is not the one of the PKI folder."""
    key: SecretFile | None = None
    """The private key of our certificate, PEM or DER."""
    server_certificate: SecretFile | None = None
    """The server's certificate, PEM or DER; any other server is then refused, whatever the PKI folder trusts."""

    @property
    def protects(self) -> bool:
        """True where messages are at least signed."""
        return self.policy is not SecurityPolicy.NONE

    @model_validator(mode="after")
    def _keys_agree(self) -> Self:
        if self.protects != (self.mode is not SecurityMode.NONE):
            raise ValueError(f"policy {self.policy} does not go with mode {self.mode}; both are None, or neither is")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate: and key: go together; leave both out to use those of the PKI folder")
        return self


class OpcUaUser(Model):
    """Who we are to the server: a name and a password, or a certificate and its key."""

    name: str | None = Field(default=None, min_length=1)
    """The user's name."""
    password: SecretStr | None = None
    """Best given as "${NAME}", from the environment."""
    password_file: SecretFile | None = None
    """A file that holds the password alone; a relative path starts from the folder of the file that names it."""
    certificate: SecretFile | None = None
    """The user's certificate, PEM or DER, in the place of a name."""
    key: SecretFile | None = None
    """The private key of the user's certificate, PEM or DER."""
    allow_clear_text: bool = False
    """Send the password even where neither the channel nor the server's own rule encrypts it."""

    @model_validator(mode="after")
    def _one_kind_of_user(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("the certificate: of a user goes with its key:")
        if (self.name is None) == (self.certificate is None):
            raise ValueError("a user is either name: with a password, or certificate: with its key:")
        if self.name is None and (self.password is not None or self.password_file is not None):
            raise ValueError("a password goes with a name:")
        return self

    def read_password(self) -> SecretStr | None:
        """Gives the password, from wherever it stands.

        Raises:
            OSError: its file has gone since the configuration was checked.
        """
        return read_secret(self.password, self.password_file)
