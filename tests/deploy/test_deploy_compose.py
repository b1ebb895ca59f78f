"""The compose files fit the services: no setting is missing or invented, no secret lies where it is not needed."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tokenswitch_dev.reference.table import CLASSES, PLAIN
from tokenswitch_dev.runner.trial import prepare

HOME = Path(__file__).resolve().parents[2]
FILES = {name: yaml.safe_load((HOME / name).read_text()) for name in ("docker-compose.yml", "docker-compose.prod.yml")}
PRODUCTION = FILES["docker-compose.prod.yml"]
SET_BY_THE_IMAGE = {"HOST", "PORT"}

each_service = pytest.mark.parametrize("service", CLASSES)
each_file = pytest.mark.parametrize("file", FILES)


def said(file: str, service: str) -> dict[str, str]:
    found: dict[str, str] = FILES[file]["services"][service]["environment"]
    return found


def held(service: str) -> dict[str, str]:
    """In production: each secret's file in the container, and where it comes from."""
    given: list[Any] = PRODUCTION["services"][service]["secrets"]
    pairs = [(one, one) if isinstance(one, str) else (one["target"], one["source"]) for one in given]
    return {f"/run/secrets/{target}": source for target, source in pairs}


@each_file
@each_service
def test_every_setting_exists_and_none_that_is_needed_is_missing(file: str, service: str) -> None:
    fields = {name.upper(): field for name, field in CLASSES[service].model_fields.items()}
    known = {name.upper() for settings in CLASSES.values() for name in settings.model_fields}
    own = said(file, service)
    assert own.keys() <= known | PLAIN.keys()
    assert {name for name, field in fields.items() if field.is_required()} <= own.keys() | SET_BY_THE_IMAGE


@each_file
@each_service
def test_a_container_may_do_nothing_that_it_need_not_and_ends_in_peace(file: str, service: str) -> None:
    """The services end within ten seconds of SIGTERM; compose must not kill them before."""
    one: dict[str, Any] = FILES[file]["services"][service]
    assert one["read_only"] is True and one["cap_drop"] == ["ALL"]
    assert one["security_opt"] == ["no-new-privileges:true"]
    assert int(one["stop_grace_period"].removesuffix("s")) > 10
    assert one["mem_limit"] and one["cpus"]


@each_service
def test_in_production_every_secret_is_a_file_that_the_service_holds_and_none_beside(service: str) -> None:
    read = {value for name, value in said("docker-compose.prod.yml", service).items() if name.endswith("_FILE")}
    assert read == held(service).keys()
    assert set(held(service).values()) <= PRODUCTION["secrets"].keys()


def test_in_production_each_service_has_passwords_and_private_keys_of_its_own() -> None:
    for alone in ("kafka-password", "mongo-password", "seal-auth", "seal-invite", "vault-keys", "smtp-password"):
        holders = [held(service)[path] for service in CLASSES for path in held(service) if path.endswith(f"/{alone}")]
        assert holders and len(set(holders)) == len(holders), alone


def test_production_is_the_four_services_alone_with_kafka_over_tls_and_a_login() -> None:
    assert PRODUCTION["services"].keys() == CLASSES.keys()
    for service in CLASSES:
        assert said("docker-compose.prod.yml", service)["KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
        assert "ports" not in PRODUCTION["services"][service], "a fixed port would allow one replica only"
        assert "ENTRA_SIMULATED" not in said("docker-compose.prod.yml", service)


def test_the_example_says_all_that_production_asks_for() -> None:
    text = (HOME / "docker-compose.prod.yml").read_text()
    asked = {part.partition(":?")[0] for part in text.split("${")[1:] if ":?" in part.partition("}")[0]}
    lines = (HOME / "deploy" / "production.env.example").read_text().splitlines()
    assert asked <= {line.partition("=")[0] for line in lines if not line.startswith("#")}


@pytest.mark.parametrize("script", ["deploy/kafka-acls.sh", "deploy/trial/run"])
def test_scripts_are_read_by_the_shell_without_a_word(script: str) -> None:
    read = subprocess.run(["bash", "-n", str(HOME / script)], capture_output=True, text=True, timeout=10)
    assert (read.returncode, read.stderr) == (0, "")


def test_the_trial_gives_each_secret_that_production_names(tmp_path: Path) -> None:
    prepare(tmp_path)
    named = {one["file"].rpartition("/")[2] for one in PRODUCTION["secrets"].values()}
    assert named <= {path.name for path in (tmp_path / "secrets").iterdir()}
    before = {path: path.read_bytes() for path in (tmp_path / "secrets").iterdir()}
    prepare(tmp_path)
    assert {path: path.read_bytes() for path in (tmp_path / "secrets").iterdir()} == before, "what is there stays"
