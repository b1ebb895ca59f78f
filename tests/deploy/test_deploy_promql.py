"""Every query of the alerts and of the dashboard is PromQL, and speaks of labels that its measures have."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import reduce
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest
import yaml
from prometheus_client.metrics import MetricWrapperBase

from auth_svc.microsoft import metrics as auth_metrics
from config_svc import metrics as config_metrics
from notify_svc.jobs import sending as notify_jobs
from shared.observability import health, metrics

DEPLOY = Path(__file__).parents[2] / "deploy"
SCRAPED = {"service", "instance", "job"}
"""What a scrape adds to every series."""
ENDS = re.compile(r"_(total|bucket|count|sum)$")


def measures() -> dict[str, set[str]]:
    """The labels of each measure that a service shows."""
    found: dict[str, set[str]] = {"up": set()}
    for module in (metrics, health, auth_metrics, config_metrics, notify_jobs):
        for one in vars(module).values():
            if isinstance(one, MetricWrapperBase):
                found[ENDS.sub("", next(iter(one.describe())).name)] = set(one._labelnames)
    return found


MEASURES = measures()


def rules() -> list[dict[str, Any]]:
    content = yaml.safe_load((DEPLOY / "prometheus" / "tokenswitch.rules.yml").read_text())
    return [rule for group in content["groups"] for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str, str]]:
    """Title, query and legend of each query on the dashboard."""
    board = json.loads((DEPLOY / "grafana" / "tokenswitch.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target.get("legendFormat", "")


def labels(part: Any) -> set[str]:
    """The labels of what an expression gives. Fails where it names one that is not there."""
    match part:
        case promql.VectorSelector():
            return _of_series(part)
        case promql.MatrixSelector():
            return _of_series(part.vector_selector)
        case promql.AggregateExpr():
            return _grouped(part)
        case promql.Call():
            found: set[str] = reduce(set.union, (labels(one) for one in part.args), set())
            return found - ({"le"} if part.func.name == "histogram_quantile" else set())
        case promql.BinaryExpr():
            return labels(part.lhs) | labels(part.rhs)
        case promql.ParenExpr() | promql.UnaryExpr():
            return labels(part.expr)
        case promql.NumberLiteral():
            return set()
    raise AssertionError(f"not thought of: {type(part).__name__}")


def _of_series(series: promql.VectorSelector) -> set[str]:
    name = series.name
    assert name and ENDS.sub("", name) in MEASURES, f"{name} is no measure"
    there = MEASURES[ENDS.sub("", name)] | SCRAPED | ({"le"} if name.endswith("_bucket") else set())
    asked = {matcher.name for matcher in series.matchers.matchers}
    assert asked <= there, f"{name} has no label {asked - there}"
    return there


def _grouped(part: promql.AggregateExpr) -> set[str]:
    there = labels(part.expr)
    if part.modifier is None:
        return set()
    assert part.modifier.type == promql.AggModifierType.By
    by = set(part.modifier.labels)
    assert by <= there, f"grouped by {by - there}, which is not there"
    return by


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_asks_for_what_there_is_and_tells_what_it_found(rule: dict[str, Any]) -> None:
    found = labels(promql.parse(rule["expr"]))
    told = set(re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])))
    assert told <= found, f"its words name {told - found}, which the query does not give"


@pytest.mark.parametrize(("title", "query", "legend"), list(panels()), ids=lambda text: text[:40])
def test_a_panel_asks_for_what_there_is(title: str, query: str, legend: str) -> None:
    found = labels(promql.parse(query))
    assert set(re.findall(r"{{\s*(\w+)\s*}}", legend)) <= found, title


@pytest.mark.parametrize(
    "wrong",
    [
        "sum by (customer) (tokenswitch_dead_letters_total)",
        'tokenswitch_dead_letters_total{cause="x"}',
        "tokenswitch_dead_letter_total",
    ],
)
def test_what_is_not_there_is_found(wrong: str) -> None:
    with pytest.raises(AssertionError):
        labels(promql.parse(wrong))


def test_what_is_not_promql_is_found() -> None:
    with pytest.raises(ValueError, match="unclosed"):
        promql.parse("sum by (reason) (tokenswitch_dead_letters_total")
