"""Servers that demand what a production cluster demands: TLS, a login, a client's certificate, a token."""

from __future__ import annotations

import base64
import json
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import trustme
import uvicorn
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc import jwt
from joserfc.jwk import RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tokenswitch_dev.stack.kafka import EmbeddedKafka, Listener
from tokenswitch_dev.stack.process import free_port

BASE = {
    "MONGO_URL": "mongodb://127.0.0.1:1",
    "PORT": "0",
    "PORTAL_URL": "http://localhost:1",
    "INVITE_URL": "http://localhost:2",
}
USER, PASSWORD = "tokenswitch", "kafka-password-kept-secret"
ISSUER, AUDIENCE = "https://tokens.example", "kafka"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class TokenServer:
    """Gives tokens by client credentials, over TLS; its keys lie in a file, where the broker reads them."""

    def __init__(self, folder: Path, pki: Certificates) -> None:
        self.key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"})
        self.jwks, self.asked = folder / "jwks.json", 0
        self.jwks.write_text(json.dumps({"keys": [self.key.as_dict(private=False)]}))
        port = free_port()
        self.url = f"https://127.0.0.1:{port}/token"
        app = Starlette(routes=[Route("/token", self._token, methods=["POST"])])
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                host="127.0.0.1",
                port=port,
                log_level="warning",
                ssl_certfile=str(pki.server_cert),
                ssl_keyfile=str(pki.server_key),
            )
        )

    async def _token(self, request: Request) -> Response:
        self.asked += 1
        expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if request.headers.get("authorization") != expected:
            return JSONResponse({"error": "invalid_client"}, 401)
        now = int(time.time())
        claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": USER, "iat": now, "exp": now + 300, "scope": "kafka"}
        token = jwt.encode({"alg": "RS256", "kid": "k1"}, claims, self.key)
        return JSONResponse({"access_token": token, "token_type": "Bearer", "expires_in": 300})

    def __enter__(self) -> TokenServer:
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """An authority, the server's certificate for this machine, and a client's."""

    ca: Path
    server_cert: Path
    server_key: Path
    server_both: Path
    client_cert: Path
    client_key: Path
    client_both: Path


def certificates(folder: Path) -> Certificates:
    authority = trustme.CA()
    files = {
        name: folder / f"{name}.pem"
        for name in ("ca", "server-cert", "server-key", "server-both", "client-cert", "client-key", "client-both")
    }
    files["ca"].write_bytes(authority.cert_pem.bytes())
    for name, issued in (
        ("server", authority.issue_cert("127.0.0.1", "localhost")),
        ("client", authority.issue_cert("tokenswitch.example")),
    ):
        chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
        key = _pkcs8(issued.private_key_pem.bytes())
        files[f"{name}-cert"].write_bytes(chain)
        files[f"{name}-key"].write_bytes(key)
        files[f"{name}-both"].write_bytes(key + chain)
    return Certificates(**{name.replace("-", "_"): path for name, path in files.items()})


def _pkcs8(pem: bytes) -> bytes:
    """The only form that Kafka reads."""
    return load_pem_private_key(pem, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def broker(folder: Path, pki: Certificates, tokens: TokenServer) -> tuple[EmbeddedKafka, dict[str, str]]:
    """A broker, not started, with ways in by SCRAM, by a client's certificate and by token; their addresses."""
    tls = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(pki.server_both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(pki.ca),
    }
    keys = tokens.jwks.as_uri()
    oauth = "org.apache.kafka.common.security.oauthbearer"
    ways = (
        Listener(
            name="SCRAM",
            protocol="SASL_SSL",
            port=free_port(),
            settings=tls
            | {
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
            },
        ),
        Listener(name="CERT", protocol="SSL", port=free_port(), settings=tls | {"ssl.client.auth": "required"}),
        Listener(
            name="TOKEN",
            protocol="SASL_SSL",
            port=free_port(),
            settings=tls
            | {
                "sasl.enabled.mechanisms": "OAUTHBEARER",
                "oauthbearer.sasl.jaas.config": f"{oauth}.OAuthBearerLoginModule required;",
                "oauthbearer.sasl.server.callback.handler.class": f"{oauth}.OAuthBearerValidatorCallbackHandler",
                "oauthbearer.sasl.oauthbearer.jwks.endpoint.url": keys,
                "oauthbearer.sasl.oauthbearer.expected.audience": AUDIENCE,
                "oauthbearer.sasl.oauthbearer.expected.issuer": ISSUER,
                "oauthbearer.sasl.oauthbearer.sub.claim.name": "sub",
            },
        ),
    )
    made = EmbeddedKafka(
        folder,
        free_port(),
        listeners=ways,
        logins={USER: PASSWORD},
        jvm=[f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={keys}"],
    )
    return made, {way.name: f"127.0.0.1:{way.port}" for way in ways}
