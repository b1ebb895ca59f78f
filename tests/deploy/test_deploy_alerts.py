"""The alert rules and dashboards speak of measures, outcomes and reasons that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from auth_svc import metrics as auth_metrics
from config_svc import metrics as config_metrics
from notify_svc import jobs as notify_jobs
from shared import health, metrics
from shared.reasons import explain

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = sorted([*DEPLOY.glob("prometheus/*.rules.yml"), *DEPLOY.glob("grafana/*.json")])
KNOWN = (metrics, health, auth_metrics, config_metrics, notify_jobs)


def names() -> set[str]:
    assert all(module.__name__ for module in KNOWN)  # importing them registers their measures
    found = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    families = {family.name for family in REGISTRY.collect()}
    more = {f"{name}{end}" for name in families for end in ("", "_total", "_bucket", "_count", "_sum")}
    return found | more


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_measure_exists(path: Path) -> None:
    used = set(re.findall(r"\btokenswitch_[a-z_]+", path.read_text()))
    assert used
    assert used <= names()


def test_every_reason_in_an_alert_exists() -> None:
    text = (DEPLOY / "prometheus" / "tokenswitch.rules.yml").read_text()
    for group in re.findall(r'reason=~"([^"]+)"', text):
        for code in group.split("|"):
            assert explain(code).code == code


def test_every_alert_says_what_to_do() -> None:
    text = (DEPLOY / "prometheus" / "tokenswitch.rules.yml").read_text()
    alerts = re.split(r"- alert: ", text)[1:]
    assert len(alerts) >= 10
    for alert in alerts:
        assert "summary:" in alert and "todo:" in alert, alert.splitlines()[0]
