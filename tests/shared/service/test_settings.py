"""Settings: a wrong one is named in one sentence, and what is secret is never in it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pytest
from pydantic import AfterValidator, SecretStr

from shared.crypto.vault import KeyRingFile
from shared.service.setting_types import SecretFile, read_secret, secret_url
from shared.service.settings import CommonSettings, Misconfigured, load
from shared.store.mongo import POOL_SIZE

GOOD = {
    "KAFKA_BOOTSTRAP": "127.0.0.1:9092,[::1]:9093",
    "MONGO_URL": "mongodb://tokenswitch:hunter2@127.0.0.1:27017",
    "PORT": "8000",
    "PORTAL_URL": "https://portal.example.com/",
    "INVITE_URL": "http://localhost:8001",
}


class MailSettings(CommonSettings):
    smtp_url: Annotated[SecretStr, AfterValidator(secret_url("smtp", "smtps"))]
    link_keys_file: KeyRingFile
    portal_client_secret_file: SecretFile


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_good_settings_are_read_with_their_defaults() -> None:
    found = load(CommonSettings)
    assert found.portal_url == "https://portal.example.com"
    assert (found.host, found.mongo_database, found.topic, found.topic_partitions) == (
        "127.0.0.1",
        "tokenswitch",
        "tokenswitch.events",
        12,
    )
    assert found.cluster.replication == -1
    assert found.proxies == ()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "", "PORT is not set"),
        ("PORT", "eighty", "PORT is wrong"),
        ("PORT", "70000", "PORT is wrong"),
        ("KAFKA_BOOTSTRAP", "broker", "KAFKA_BOOTSTRAP is not a list of brokers"),
        ("MONGO_URL", "postgres://u:hunter2@h/db", "MONGO_URL is not an address"),
        ("MONGO_URL", "mongodb://u:hunter2@h:port/", "MONGO_URL is not an address"),
        ("MONGO_DATABASE", "a/b", "MONGO_DATABASE is not a database name"),
        ("PORTAL_URL", "http://portal.example.com", "PORTAL_URL must begin with https://"),
        ("PORTAL_URL", "https://portal.example.com/app", "PORTAL_URL must have no path"),
        ("PORTAL_URL", "portal.example.com", "PORTAL_URL is not a web address"),
        ("INVITE_URL", "https://u:hunter2@invite.example.com", "INVITE_URL must hold neither user name"),
        ("TRUSTED_PROXIES", "10.0.0.0/99", "TRUSTED_PROXIES '10.0.0.0/99'"),
        ("TOPIC_REPLICATION", "-2", "TOPIC_REPLICATION is wrong"),
    ],
)
def test_a_wrong_setting_ends_the_program_with_one_sentence_that_names_it(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as stopped:
        load(CommonSettings)
    assert str(stopped.value).startswith(said)
    assert "\n" not in str(stopped.value)
    assert "hunter2" not in str(stopped.value)
    assert str(stopped.value.code) == str(stopped.value)  # what the interpreter prints, with exit status 1


def test_several_wrong_settings_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PORT")
    monkeypatch.delenv("INVITE_URL")
    with pytest.raises(Misconfigured, match=r"^PORT is not set; .* \(also look at INVITE_URL\)\.$"):
        load(CommonSettings)


def test_files_are_looked_at_when_the_service_starts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret, keys = tmp_path / "secret", tmp_path / "keys.json"
    secret.write_text("s3cret-value\n")
    keys.write_text('{"current": "k1", "keys": {"k1": "dG9vIHNob3J0"}}')
    monkeypatch.setenv("SMTP_URL", "smtp://u:hunter2@127.0.0.1:1025")
    monkeypatch.setenv("PORTAL_CLIENT_SECRET_FILE", str(secret))
    monkeypatch.setenv("LINK_KEYS_FILE", str(keys))
    with pytest.raises(Misconfigured, match=r"^LINK_KEYS_FILE names a file that is no key ring"):
        load(MailSettings)
    keys.write_text('{"current": "k1", "keys": {"k1": "' + "A" * 43 + '"}}')
    assert load(MailSettings).link_keys_file == keys
    secret.write_text("one\ntwo\n")
    with pytest.raises(Misconfigured, match=r"^PORTAL_CLIENT_SECRET_FILE names a file that must hold") as stopped:
        load(MailSettings)
    assert "two" not in str(stopped.value).partition("PORTAL_CLIENT_SECRET_FILE")[2].replace(str(secret), "")


def test_a_secret_file_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("  s3cret-value \n")
    assert read_secret(path).reveal() == "s3cret-value"
    with pytest.raises(ValueError, match="cannot be read"):
        read_secret(tmp_path / "absent")


def test_settings_do_not_show_their_secrets() -> None:
    found = load(CommonSettings)
    assert "hunter2" not in repr(found) + str(found) + found.model_dump_json()


KAFKA_LOGIN = {"KAFKA_USERNAME": "u", "KAFKA_PASSWORD_FILE": "secret"}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"KAFKA_SECURITY_PROTOCOL": "SASL_SSL"}, "KAFKA_SASL_MECHANISM is not set"),
        ({"KAFKA_SASL_MECHANISM": "PLAIN"}, "KAFKA_SASL_MECHANISM needs KAFKA_SECURITY_PROTOCOL=SASL_SSL"),
        ({"KAFKA_CA_FILE": "secret"}, "KAFKA_CA_FILE, KAFKA_CERT_FILE and KAFKA_KEY_FILE need"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_CA_FILE": "secret"}, "KAFKA_CA_FILE or KAFKA_CERT_FILE holds no"),
        ({"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_KEY_FILE": "secret"}, "KAFKA_CERT_FILE and KAFKA_KEY_FILE belong"),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_USERNAME": "u"},
            "KAFKA_USERNAME and KAFKA_PASSWORD_FILE are needed",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "OAUTHBEARER"} | KAFKA_LOGIN,
            "KAFKA_TOKEN_URL is not set",
        ),
        (
            {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "PLAIN", "KAFKA_TOKEN_URL": "https://t"}
            | KAFKA_LOGIN,
            "KAFKA_TOKEN_URL needs KAFKA_SASL_MECHANISM=OAUTHBEARER",
        ),
        (
            {
                "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
                "KAFKA_SASL_MECHANISM": "PLAIN",
                "KAFKA_BOOTSTRAP": "kafka:9092",
            }
            | KAFKA_LOGIN,
            "KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT would send the login in clear",
        ),
        ({"KAFKA_SASL_MECHANISM": "CRAM"}, "KAFKA_SASL_MECHANISM is wrong"),
        ({"MONGO_USERNAME": "u"}, "MONGO_USERNAME and MONGO_PASSWORD_FILE belong together"),
        ({"MONGO_CA_FILE": "nowhere.pem"}, "MONGO_CA_FILE names a file that cannot be read"),
    ],
)
def test_settings_of_servers_that_do_not_fit_together_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: dict[str, str], said: str
) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    monkeypatch.chdir(tmp_path)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured) as stopped:
        load(CommonSettings)
    assert str(stopped.value).startswith(said)
    assert "hunter2" not in str(stopped.value)


def test_a_login_from_files_reaches_the_clients(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2\n")
    monkeypatch.chdir(tmp_path)
    login = {"MONGO_URL": "mongodb://db:27017", "MONGO_USERNAME": "config", "MONGO_PASSWORD_FILE": "secret"}
    sasl = {"KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512"}
    for name, value in (login | sasl | KAFKA_LOGIN).items():
        monkeypatch.setenv(name, value)
    found = load(CommonSettings)
    assert found.mongo.options() == {"username": "config", "password": "hunter2", "maxPoolSize": POOL_SIZE}
    access = found.cluster.access
    assert (access["sasl_mechanism"], access["sasl_plain_password"]) == ("SCRAM-SHA-512", "hunter2")
    assert access["ssl_context"].check_hostname
    assert "hunter2" not in repr(found) + repr(found.cluster) + repr(found.mongo) + repr(found.kafka_security)
