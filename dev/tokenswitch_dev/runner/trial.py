"""python -m tokenswitch_dev.runner.trial FOLDER: what the trial of the production compose needs, where missing.

FOLDER/secrets: the files that docker-compose.prod.yml hands to the services. FOLDER/servers: certificates and
passwords of Kafka, MongoDB and Mailpit. FOLDER/entra: the simulator's state, with the one authority that signs all
certificates. FOLDER/env: the settings.
"""

from __future__ import annotations

import base64
import secrets
import sys
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

from tokenswitch_dev.runner.keys import make_keys, write_secret
from tokenswitch_dev.services import SERVICES
from tokenswitch_dev.simulator import demo
from tokenswitch_dev.simulator.__main__ import write_secrets
from tokenswitch_dev.simulator.tls import certificate_authority

SERVERS = ("kafka", "mongo", "mailpit")
AUTHORITY = "https://entra:8443"
MAIL_USER = "tokenswitch"
ENVIRONMENT = {
    "KAFKA_BOOTSTRAP": "kafka:9094",
    "TOPIC_REPLICATION": "1",
    "TOPIC_MIN_INSYNC": "1",
    "MONGO_URL": "mongodb://mongo:27017/?replicaSet=rs0&tls=true",
    "PORTAL_URL": "http://127.0.0.1:8000",
    "INVITE_URL": "http://127.0.0.1:8001",
    "TRUSTED_PROXIES": "127.0.0.1/32",
    "OPERATOR_ISSUER": f"{AUTHORITY}/{demo.PROVIDER_TENANT}/v2.0",
    "PORTAL_CLIENT_ID": demo.PORTAL_CLIENT_ID,
    "CLI_CLIENT_ID": demo.CLI_CLIENT_ID,
    "API_AUDIENCE": demo.API_AUDIENCE,
    "ENTRA_CLIENT_ID": demo.SIGNIN_CLIENT_ID,
    "ENTRA_DEVICE_CLIENT_ID": demo.DEVICE_CLIENT_ID,
    "ENTRA_APP_NAME": "Tokenswitch",
    "ENTRA_DEVICE_APP_NAME": "Tokenswitch (sign-in by code)",
    "OPS_EMAIL": "ops@provider.example",
    "PROVIDER_NAME": "Northstar Communications",
    "MAIL_FROM": "Northstar Communications <no-reply@provider.example>",
    "SMTP_URL": "smtp://mailpit:1025?starttls=required",
    "SMTP_USERNAME": MAIL_USER,
}


def prepare(home: Path) -> None:
    secrets_dir, servers, entra = home / "secrets", home / "servers", home / "entra"
    for folder in (home, secrets_dir, servers, entra):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    make_keys(secrets_dir)
    write_secrets(secrets_dir)
    ca = certificate_authority(entra)
    for name in ("kafka-ca.pem", "mongo-ca.pem"):
        (secrets_dir / name).write_bytes(ca.read_bytes())
    (servers / "ca.pem").write_bytes(ca.read_bytes())
    authority = trustme.CA.from_pem(ca.read_bytes(), (entra / "ca-key.pem").read_bytes())
    for server in SERVERS:
        _certificate(authority, server, servers)
    _passwords(secrets_dir, servers)
    settings = ENVIRONMENT | {"SECRETS": str(secrets_dir.resolve()), "TRIAL": str(home.resolve())}
    (home / "env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    _let_containers_read(home)


def _passwords(held: Path, servers: Path) -> None:
    for service in SERVICES:
        for server in ("kafka", "mongo"):
            _once(held / f"{server}-password-{service.key}")
    _once(held / "smtp-password")
    _once(servers / "mongo-root-password")
    _once(servers / "mongo-keyfile", base64.b64encode(secrets.token_bytes(96)).decode())
    password = (held / "smtp-password").read_text().strip()
    write_secret(servers / "mail-logins", f"{MAIL_USER}:{password}")


def _once(path: Path, secret: str = "") -> None:
    if not path.exists():
        write_secret(path, secret or secrets.token_hex(24))


def _certificate(authority: trustme.CA, server: str, folder: Path) -> None:
    """Key and chain apart and in one file; the key in PKCS 8, the only form that Kafka reads."""
    leaf = authority.issue_cert(server, "localhost", "127.0.0.1")
    chain = b"".join(part.bytes() for part in leaf.cert_chain_pems)
    private = load_pem_private_key(leaf.private_key_pem.bytes(), None)
    key = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for name, content in (("key", key), ("cert", chain), ("both", key + chain)):
        (folder / f"{server}-{name}.pem").write_bytes(content)


def _let_containers_read(home: Path) -> None:
    """Containers have users of their own. On this machine the outermost folder keeps everybody else out."""
    for path in home.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o644)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Use: python -m tokenswitch_dev.runner.trial FOLDER")
    prepare(Path(sys.argv[1]))
