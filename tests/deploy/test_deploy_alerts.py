"""The alert rules and dashboards speak of measures, outcomes and reasons that there are."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from auth_svc.microsoft import metrics as auth_metrics
from config_svc import metrics as config_metrics
from notify_svc.jobs import sending as notify_jobs
from shared.contracts.reasons import explain
from shared.observability import health, metrics

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


@pytest.mark.parametrize(
    ("measure", "label"),
    [("tokenswitch_dead_letters_total", "reason"), ("tokenswitch_sign_ins_failed_total", "reason")],
)
def test_a_first_one_is_a_rise(measure: str, label: str) -> None:
    """`increase` sees no rise in a series that begins at 1: what alerts at once is there from the start."""
    text = (DEPLOY / "prometheus" / "tokenswitch.rules.yml").read_text()
    named = re.findall(measure + r'\{reason=~"([^"]+)"', text)
    wanted = set(named[0].split("|")) if named else set(metrics.DEAD_REASONS)
    code = f"""
import auth_svc.microsoft.metrics, shared.observability.metrics
from prometheus_client import REGISTRY
print(*(one.labels["{label}"] for family in REGISTRY.collect() for one in family.samples if one.name == "{measure}"),
      sep="|")
"""
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert wanted <= set(out.stdout.strip().split("|"))


def test_every_alert_says_what_to_do() -> None:
    text = (DEPLOY / "prometheus" / "tokenswitch.rules.yml").read_text()
    manual = (DEPLOY.parent / "docs" / "operations.md").read_text()
    alerts = re.split(r"- alert: ", text)[1:]
    assert len(alerts) >= 10
    for alert in alerts:
        name = alert.splitlines()[0]
        assert "summary:" in alert and "todo:" in alert, name
        assert f'runbook: "docs/operations.md#{name.lower()}"' in alert and f"### {name}\n" in manual, name
