"""The Kubernetes manifests fit together and fit the services: every name exists, no setting is missing or invented.

Read as they are written. `make kubernetes` builds them and checks them against Kubernetes' own schemas.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import pytest
import yaml

from tokenswitch_dev.reference.table import CLASSES, PLAIN

HOME = Path(__file__).resolve().parents[2] / "deploy" / "kubernetes"
NAME = "app.kubernetes.io/name"
SET_BY_THE_IMAGE = {"HOST", "PORT"}


def read(*names: str) -> list[dict[str, Any]]:
    return [one for name in names for one in yaml.safe_load_all((HOME / name).read_text())]


def common() -> dict[str, str]:
    """What stands in the config map: the base's and the overlay's."""
    found = read("base/kustomization.yaml", "overlays/example/kustomization.yaml")
    return dict(line.split("=", 1) for one in found for line in one["configMapGenerator"][0]["literals"])


DEPLOYMENTS = {one["metadata"]["name"]: one for one in read("base/deployments.yaml")}
SERVICES = {one["metadata"]["name"]: one for one in read("base/services.yaml")}


def pod(service: str) -> dict[str, Any]:
    found: dict[str, Any] = DEPLOYMENTS[service]["spec"]["template"]["spec"]
    return found


def environment(service: str) -> dict[str, str]:
    (container,) = pod(service)["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def test_each_service_has_a_deployment() -> None:
    assert DEPLOYMENTS.keys() == CLASSES.keys()


@pytest.mark.parametrize("service", CLASSES)
def test_every_setting_exists_and_none_that_is_needed_is_missing(service: str) -> None:
    fields = CLASSES[service].model_fields
    own, everybody = environment(service), common()
    assert own.keys() <= {name.upper() for name in fields}
    known = {name.upper() for settings in CLASSES.values() for name in settings.model_fields}
    assert everybody.keys() <= known | PLAIN.keys()
    needed = {name.upper() for name, field in fields.items() if field.is_required()}
    assert needed <= own.keys() | everybody.keys() | SET_BY_THE_IMAGE


@pytest.mark.parametrize("service", CLASSES)
def test_every_file_is_mounted_and_none_beside(service: str) -> None:
    (mount,) = [
        one
        for one in read("base/pod.yaml")[0]["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        if one["name"] == "secrets"
    ]
    (volume,) = pod(service)["volumes"]
    mounted = {f"{mount['mountPath']}/{item['path']}" for item in volume["secret"]["items"]}
    assert mounted == {value for name, value in environment(service).items() if name.endswith("_FILE")}


def test_what_is_secret_is_for_one_service_alone_and_in_no_config_map() -> None:
    names = [pod(service)["volumes"][0]["secret"]["secretName"] for service in CLASSES]
    assert len(set(names)) == len(names)
    assert not any("password" in value or "SECRET" in name for name, value in common().items())


def test_selectors_find_the_pods_they_mean() -> None:
    for service, deployment in DEPLOYMENTS.items():
        labels = deployment["spec"]["template"]["metadata"]["labels"]
        assert deployment["spec"]["selector"]["matchLabels"] == labels == {NAME: service}
        assert SERVICES[service]["spec"]["selector"] == labels
        for spread in pod(service)["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == labels
    budgets = {one["spec"]["selector"]["matchLabels"][NAME] for one in read("base/disruption.yaml")}
    assert budgets == CLASSES.keys()


def test_every_ingress_leads_to_a_service_and_shows_no_measures() -> None:
    shown = {}
    for ingress in read("base/ingress.yaml"):
        for path in ingress["spec"]["rules"][0]["http"]["paths"]:
            shown[ingress["metadata"]["name"], path["path"]] = path["backend"]["service"]["name"]
    assert set(shown.values()) <= SERVICES.keys()
    assert {host for host, path in shown if shown[host, path] == "nowhere"} == {"portal", "invite"}
    assert all(shown[host, path] == "nowhere" for host, path in shown if path in ("/metrics", "/readyz"))
    assert "selector" not in SERVICES["nowhere"]["spec"]


def test_nothing_speaks_with_anything_but_what_is_said() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in read("base/network.yaml")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for name, policy in policies.items():
        chosen = policy["podSelector"].get("matchExpressions", [{"values": []}])[0]["values"]
        assert set(chosen) <= CLASSES.keys(), name
        for rule in policy.get("ingress", []):
            assert rule["from"] and rule["ports"], f"{name} would let everybody in"
        assert all(rule["ports"] for rule in policy.get("egress", [])), f"{name} would let everything out"
    assert policies["token-readers"]["ingress"][0]["from"][0]["podSelector"]["matchLabels"]
    ports = [rule["ports"] for rule in policies["mail"]["egress"]]
    assert 587 in [port["port"] for port in ports[0]]


def test_replicas_follow_the_lag_of_their_own_service_up_to_the_partitions() -> None:
    partitions = CLASSES["auth-svc"].model_fields["topic_partitions"].default
    scaled = {one["spec"]["scaleTargetRef"]["name"]: one["spec"] for one in read("autoscaling/scaled.yaml")}
    assert scaled.keys() == CLASSES.keys()
    for service, spec in scaled.items():
        assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (2, partitions)
        assert f'tokenswitch_consumer_lag_records{{service="{service}"}}' in spec["triggers"][0]["metadata"]["query"]


def test_a_pod_may_do_nothing_that_it_need_not() -> None:
    spec = read("base/pod.yaml")[0]["spec"]["template"]["spec"]
    assert spec["securityContext"]["runAsNonRoot"] and spec["securityContext"]["runAsUser"] == 10001
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert spec["automountServiceAccountToken"] is False
    container = spec["containers"][0]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    paths = {"startupProbe": "/readyz", "readinessProbe": "/healthz", "livenessProbe": "/healthz"}
    assert {probe: container[probe]["httpGet"]["path"] for probe in paths} == paths
    assert spec["terminationGracePeriodSeconds"] >= 5 + 10 + 5


@pytest.mark.skipif(which("kubectl") is None, reason="kubectl is not here; make kubernetes needs it too")
def test_the_overlay_builds_whole() -> None:
    built = subprocess.run(
        ["kubectl", "kustomize", str(HOME / "overlays" / "example")],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    found = list(yaml.safe_load_all(built.stdout))
    deployments = [one for one in found if one["kind"] == "Deployment"]
    (settings,) = [one for one in found if one["kind"] == "ConfigMap"]
    assert len(deployments) == len(CLASSES) and settings["data"] == common()
    for deployment in deployments:
        assert "replicas" not in deployment["spec"], "KEDA says how many there are"
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        assert container["envFrom"] == [{"configMapRef": {"name": settings["metadata"]["name"]}}]
        assert container["image"].startswith("registry.example.com/") and container["env"]
