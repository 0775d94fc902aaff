"""An issuer of OpenID Connect as a real HTTP server, on loopback with or without TLS: discovery, keys, and the tokens it signs.

Tokens are made with PyJWT, so that one library does not check what it wrote itself.
"""

import json
import ssl
import threading
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from authority import Pair
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from servers.process import LOOPBACK, free_port

DISCOVERY = "/.well-known/openid-configuration"
JWKS = "/keys"
AUDIENCE = "ems-telemetry"
PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


class Manner(Enum):
    """How it answers."""

    WELL = "well"
    SLOWLY = "slowly"
    """Not before it is ended."""
    RUBBISH = "rubbish"
    ENDLESS = "endless"
    FAILING = "failing"
    COMPRESSED = "compressed"
    NO_KEYS = "no keys"
    REDIRECTING = "redirecting"


AMISS: Mapping[Manner, tuple[int, dict[str, str], bytes]] = {
    Manner.RUBBISH: (200, {}, b"<html>It works!</html>"),
    Manner.ENDLESS: (200, {}, b" " * 1_000_000),
    Manner.FAILING: (500, {}, b"{}"),
    Manner.COMPRESSED: (200, {"Content-Encoding": "gzip"}, b"\x1f\x8b"),
    Manner.REDIRECTING: (302, {"Location": "http://192.0.2.1/"}, b""),
}


def make_key(algorithm: str, bits: int = 2048) -> PrivateKey:
    if algorithm.startswith(("RS", "PS")):
        return rsa.generate_private_key(65_537, bits)
    return ed25519.Ed25519PrivateKey.generate() if algorithm == "EdDSA" else ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: PrivateKey) -> dict[str, Any]:
    if isinstance(key, rsa.RSAPrivateKey):
        return RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)


def joined(head: Mapping[str, Any], claims: Mapping[str, Any], sign: Callable[[bytes], bytes]) -> str:
    """Makes a token that no decent library would make."""
    parts = [urlsafe_b64encode(json.dumps(one).encode()).rstrip(b"=") for one in (head, claims)]
    message = b".".join(parts)
    return (message + b"." + urlsafe_b64encode(sign(message)).rstrip(b"=")).decode()


class OidcIssuer:
    """Serves between `with` and its end. `now` tells the time that its tokens go by."""

    def __init__(self, now: Callable[[], datetime], *, tls: Pair | None = None, path: str = "") -> None:
        self._now = now
        self._tls = tls
        self._path = path
        self.port = free_port()
        self.url = f"{'http' if tls is None else 'https'}://{LOOPBACK}:{self.port}{path}"
        self.says_it_is = self.url
        self.keys_are_at = f"{self.url}{JWKS}"
        self.manner = Manner.WELL
        self.asked: list[str] = []
        self.published: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, tuple[PrivateKey, str]] = {}
        self._ended = threading.Event()
        self._server: ThreadingHTTPServer | None = None

    def __enter__(self) -> Self:
        self._ended.clear()
        server = ThreadingHTTPServer((LOOPBACK, self.port), self._handler())
        server.daemon_threads = True
        if self._tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._tls.certificate, self._tls.key)
            server.socket = context.wrap_socket(server.socket, server_side=True)
        self._server = server
        threading.Thread(target=server.serve_forever, args=(0.05,), name="oidc-issuer", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def add_key(self, kid: str, algorithm: str = "RS256", key: PrivateKey | None = None, **said: object) -> None:
        """Publishes a key; `said` are further members of its JWK."""
        made = key or make_key(algorithm)
        self._keys[kid] = (made, algorithm)
        self.published[kid] = {**public_jwk(made), "kid": kid, "use": "sig", "alg": algorithm, **said}

    def withdraw_key(self, kid: str) -> None:
        del self.published[kid]

    def claims(self, **other: object) -> dict[str, Any]:
        """The claims of a decent token; None leaves one out."""
        now = self._now()
        said = {
            "iss": self.says_it_is,
            "aud": AUDIENCE,
            "sub": "7d1c",
            "preferred_username": "ada",
            "scope": "openid read",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()),
            **other,
        }
        return {name: value for name, value in said.items() if value is not None}

    def token(self, kid: str = "one", head: Mapping[str, Any] | None = None, **claims: object) -> str:
        """Signs a token."""
        key, algorithm = self._keys[kid]
        return jwt.encode(self.claims(**claims), key, algorithm, {"kid": kid, **(head or {})})

    def _answer(self, path: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append(path)
        if self.manner is Manner.SLOWLY:
            self._ended.wait(60)
        if self.manner in AMISS:
            return AMISS[self.manner]
        said: dict[str, Any] = {"issuer": self.says_it_is, "jwks_uri": self.keys_are_at}
        if path == f"{self._path}{JWKS}":
            said = {"keys": [] if self.manner is Manner.NO_KEYS else list(self.published.values())}
        elif path != f"{self._path}{DISCOVERY}":
            return 404, {}, b"{}"
        return 200, {"Content-Type": "application/json"}, json.dumps(said).encode()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, body = issuer._answer(self.path)
                try:
                    self.send_response(status)
                    for name, value in {**headers, "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True  # nobody waits for it any more

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base has it
                pass

        return Handler
