"""Settings from the environment; a wrong one ends the program with one sentence that names it, never its value."""

from __future__ import annotations

import re
from typing import Annotated, Self, TypeVar

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.http.client_address import LOOPBACK, Network, trusted_networks
from shared.identity.client_credentials import TokenSource
from shared.messaging.kafka import Cluster
from shared.messaging.kafka_security import KafkaSecurity, Mechanism, Protocol
from shared.service.setting_types import (
    CaFile,
    IssuerUrl,
    PublicUrl,
    SecretFile,
    matches,
    networks,
    read_secret,
    secret_url,
)
from shared.store.mongo import POOL_SIZE, MongoAccess

_BROKER = re.compile(r"[A-Za-z0-9._-]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}")
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,38}")
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,150}")


class Misconfigured(SystemExit):
    """Ends the program with one sentence on standard error that says which setting is wrong and what to do."""


class _Environment(BaseSettings):
    """Read from the environment: names in upper case, an empty value counts as not given. A docstring under a setting
    says what it means; `docs/settings.md` is made of them."""

    model_config = SettingsConfigDict(
        extra="ignore",
        frozen=True,
        env_ignore_empty=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )


class KafkaSettings(_Environment):
    """How Kafka is reached, and how it lets us in."""

    kafka_bootstrap: Annotated[str, AfterValidator(matches(_BROKER, "is not a list of brokers like host:9092"))]
    """Brokers to begin with, `host:port`, parted by commas."""
    kafka_security_protocol: Protocol = "PLAINTEXT"
    """How brokers are spoken to. In production `SASL_SSL` or `SSL`."""
    kafka_ca_file: CaFile | None = None
    """Certificate authority of the brokers (PEM). Without it, the system's."""
    kafka_cert_file: CaFile | None = None
    """Our certificate, where brokers ask for one (PEM)."""
    kafka_key_file: CaFile | None = None
    """The key of that certificate."""
    kafka_sasl_mechanism: Mechanism | None = None
    """How we log in; needed with `SASL_...`."""
    kafka_username: str | None = None
    """User name, one for each service; with OAUTHBEARER the client id."""
    kafka_password_file: SecretFile | None = None
    """File of one line: the password; with OAUTHBEARER the client secret."""
    kafka_token_url: IssuerUrl | None = None
    """Where OAUTHBEARER gets its tokens (client credentials)."""
    kafka_token_scope: str = ""
    """The scope to ask for there."""
    kafka_token_ca_file: CaFile | None = None
    """Certificate authority of that server, if it is a private one."""
    topic: Annotated[str, AfterValidator(matches(_TOPIC, "is not a topic name"))] = "tokenswitch.events"
    """Name of the event topic. Dead letters lie beside it, one topic for each service."""
    topic_partitions: Annotated[int, Field(ge=1, le=10_000)] = 12
    """Partitions when the topic is first made: so many replicas of a service can share its events."""
    topic_replication: Annotated[int, Field(ge=-1, le=100)] = -1
    """Copies of each partition when the topic is first made; -1: as the brokers say. Better 3."""
    topic_min_insync: Annotated[int, Field(ge=0, le=100)] = 0
    """Copies that must have an event before it counts, set when the topic is first made; 0: as the brokers say. With
    three copies 2."""

    @model_validator(mode="after")
    def _kafka_fits_together(self) -> Self:
        """Raises: ValueError, which begins with the setting's name."""
        tls, sasl = self.kafka_security_protocol.endswith("SSL"), self.kafka_security_protocol.startswith("SASL")
        oauth = self.kafka_sasl_mechanism == "OAUTHBEARER"
        rules = (
            (
                sasl and not self.kafka_sasl_mechanism,
                "KAFKA_SASL_MECHANISM is not set; with "
                "KAFKA_SECURITY_PROTOCOL=SASL_... give PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
            ),
            (not sasl and self.kafka_sasl_mechanism, "KAFKA_SASL_MECHANISM needs KAFKA_SECURITY_PROTOCOL=SASL_SSL"),
            (
                not tls and (self.kafka_ca_file or self.kafka_cert_file or self.kafka_key_file),
                "KAFKA_CA_FILE, KAFKA_CERT_FILE and KAFKA_KEY_FILE need KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL",
            ),
            (
                self.kafka_security_protocol == "SASL_PLAINTEXT" and not self._brokers_are_local(),
                "KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT would send the login in clear to another machine; use SASL_SSL",
            ),
            (
                bool(self.kafka_cert_file) != bool(self.kafka_key_file),
                "KAFKA_CERT_FILE and KAFKA_KEY_FILE belong together: give both or none",
            ),
            (
                self.kafka_sasl_mechanism and not (self.kafka_username and self.kafka_password_file),
                "KAFKA_USERNAME and KAFKA_PASSWORD_FILE are needed for a login",
            ),
            (oauth and not self.kafka_token_url, "KAFKA_TOKEN_URL is not set; OAUTHBEARER asks for its tokens there"),
            (not oauth and self.kafka_token_url, "KAFKA_TOKEN_URL needs KAFKA_SASL_MECHANISM=OAUTHBEARER"),
        )
        for wrong, text in rules:
            if wrong:
                raise ValueError(text)
        try:
            self.kafka_security.options()
        except OSError:  # the TLS library's own words may hold what stands in the file
            raise ValueError("KAFKA_CA_FILE or KAFKA_CERT_FILE holds no certificate and key that fit") from None
        return self

    def _brokers_are_local(self) -> bool:
        hosts = (broker.strip().rpartition(":")[0].strip("[]") for broker in self.kafka_bootstrap.split(","))
        return all(host in LOOPBACK for host in hosts)

    @property
    def kafka_security(self) -> KafkaSecurity:
        password = read_secret(self.kafka_password_file) if self.kafka_password_file else None
        tokens = None
        if self.kafka_token_url and self.kafka_username and password:
            tokens = TokenSource(
                url=self.kafka_token_url,
                client_id=self.kafka_username,
                client_secret=password,
                scope=self.kafka_token_scope,
                ca_file=self.kafka_token_ca_file,
            )
        return KafkaSecurity(
            protocol=self.kafka_security_protocol,
            ca_file=self.kafka_ca_file,
            cert_file=self.kafka_cert_file,
            key_file=self.kafka_key_file,
            mechanism=self.kafka_sasl_mechanism,
            username=self.kafka_username,
            password=password,
            tokens=tokens,
        )

    @property
    def cluster(self) -> Cluster:
        return Cluster(
            bootstrap=self.kafka_bootstrap,
            topic=self.topic,
            partitions=self.topic_partitions,
            replication=self.topic_replication,
            min_insync=self.topic_min_insync,
            access=self.kafka_security.options(),
        )


class MongoSettings(_Environment):
    """How MongoDB is reached. Its login stands in the address or in settings of its own."""

    mongo_url: Annotated[SecretStr, AfterValidator(secret_url("mongodb", "mongodb+srv"))]
    """Address of MongoDB. It must be a replica set (writes are confirmed by a majority)."""
    mongo_database: Annotated[
        str, AfterValidator(matches(_DATABASE, "is not a database name: up to 38 letters, digits, - and _"))
    ] = "tokenswitch"
    """Beginning of the database names; each service adds its own: `tokenswitch_config`, ..."""
    mongo_username: str | None = None
    """User name, one for each service, that may reach its database only."""
    mongo_password_file: SecretFile | None = None
    """File of one line: the password."""
    mongo_ca_file: CaFile | None = None
    """Certificate authority of MongoDB (PEM); switches TLS on."""
    mongo_cert_file: CaFile | None = None
    """Our certificate and its key in one PEM file."""
    mongo_pool_size: Annotated[int, Field(ge=8, le=100)] = POOL_SIZE
    """Connections to MongoDB at most, and calls to it at once, of each process."""

    @model_validator(mode="after")
    def _mongo_fits_together(self) -> Self:
        if bool(self.mongo_username) != bool(self.mongo_password_file):
            raise ValueError("MONGO_USERNAME and MONGO_PASSWORD_FILE belong together: give both or none")
        return self

    @property
    def mongo(self) -> MongoAccess:
        password = read_secret(self.mongo_password_file) if self.mongo_password_file else None
        return MongoAccess(
            url=self.mongo_url.get_secret_value(),
            username=self.mongo_username,
            password=password,
            ca_file=self.mongo_ca_file,
            cert_file=self.mongo_cert_file,
            pool_size=self.mongo_pool_size,
        )


class CommonSettings(KafkaSettings, MongoSettings):
    """What every service is told."""

    host: str = "127.0.0.1"
    """Address to listen on. The images set `0.0.0.0`."""
    port: Annotated[int, Field(ge=0, le=65535)]
    """Port to listen on; 0 takes a free one. The images set 8000."""
    portal_url: PublicUrl
    """Where operators open the portal. Links and redirects are made of it, never of a request."""
    invite_url: PublicUrl
    """Where invitees open the wizard. It stands in mails, and ends in the redirect address at Microsoft."""
    trusted_proxies: Annotated[str, AfterValidator(networks)] = ""
    """Networks of your proxies, parted by commas; only from there `X-Forwarded-For` counts."""

    @property
    def proxies(self) -> tuple[Network, ...]:
        return trusted_networks(self.trusted_proxies)


S = TypeVar("S", bound=BaseSettings)


def load(settings: type[S]) -> S:
    """The settings from the environment. Raises: Misconfigured, which ends the program with one sentence."""
    try:
        return settings()
    except ValidationError as error:
        raise Misconfigured(sentence(error)) from None


def sentence(error: ValidationError) -> str:
    """One sentence on the first wrong setting; the other wrong ones by name."""
    errors = error.errors(include_input=False, include_url=False, include_context=False)
    first, *others = [(str(e["loc"][0]).upper() if e["loc"] else "", e) for e in errors]
    name, wrong = first
    more = [other for other, _ in others if other and other != name]
    also = f" (also look at {', '.join(dict.fromkeys(more))})" if more else ""
    if wrong["type"] == "missing":
        return f"{name} is not set; set it in the environment{also}."
    message = wrong["msg"].removeprefix("Value error, ").removeprefix(f"{name}: ")
    message = message if wrong["type"] == "value_error" else f"is wrong: {message[:1].lower()}{message[1:]}"
    return f"{name} {message}{also}.".lstrip()
