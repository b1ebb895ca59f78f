"""deploy/kafka-acls.sh gives rights to the very names that the services use, and a reader none to a service's group."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from shared.messaging.kafka import Cluster

SCRIPT = Path(__file__).resolve().parents[2] / "deploy" / "kafka-acls.sh"


@pytest.mark.parametrize("topic", ["tokenswitch.events", "restored"])
def test_rights_are_of_the_names_that_the_services_use(tmp_path: Path, topic: str) -> None:
    tool = tmp_path / "kafka-acls.sh"
    tool.write_text('#!/bin/sh\necho "$@"\n')
    tool.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "BOOTSTRAP": "b:1",
        "ADMIN_CONFIG": "a",
        "TOPIC": topic,
        "READERS": "User:auth",
    }
    done = subprocess.run(
        ["bash", str(SCRIPT)], capture_output=True, text=True, env=environment, timeout=20, check=True
    )
    given = {line.partition("--allow-principal ")[2] for line in done.stdout.splitlines()}
    for service in ("config", "invite", "auth", "notify"):
        name = f"{service}-svc"
        group = name if topic == "tokenswitch.events" else f"{topic}.{name}"
        rights = "--operation Read --operation Write --operation Create --operation Describe"
        assert f"User:{name} --operation Read --group {group}" in given
        for one in (topic, Cluster(bootstrap="b:1", topic=topic).dead_topic(name)):
            assert f"User:{name} {rights} --topic {one}" in given
    assert "User:auth --operation Read --group auth. --resource-pattern-type prefixed" in given
