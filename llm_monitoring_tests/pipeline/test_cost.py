from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.incidents.cost import ModelSpend, model_costs
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import measurements_sql
from llm_monitoring.pipeline.cost import CostReport, cost_report
from llm_monitoring.records import Request
from llm_monitoring.settings import Settings
from llm_monitoring_tests.incidents.examples import CHANGE, CHANGE_HOUR, request

SETTINGS = Settings.model_validate(
    {
        "product": "p",
        "start": "2026-10-01T00:00:00Z",
        "features": [{"feature_id": "support_chat", "budget_usd_per_day": 1}],
    }
)


def row(name: str, **fields: Any) -> Request:
    return request(name, fields.pop("at", CHANGE), **fields)


def measure(lake: Lake, hour: int) -> None:
    windows = lake.query(
        "window_requests", hours=(hour, hour), first=hour, last=hour,
        fragments={"measurements": measurements_sql("requests"), "feature": "feature_id"},
    )  # fmt: skip
    lake.replace_hours("window_metrics", windows, hour, hour)


def report(tmp_path: Path, rows: list[Request]) -> CostReport:
    lake = Lake(str(tmp_path / "lake"))
    for hour in sorted({r.hour for r in rows}):
        lake.replace_hours("raw_requests", [r for r in rows if r.hour == hour], hour, hour)
        measure(lake, hour)
    return cost_report(lake, SETTINGS, CHANGE_HOUR)


def spends(tmp_path: Path, rows: list[Request]) -> list[ModelSpend]:
    return [spend for cost in report(tmp_path, rows).costs for spend in cost.models]


def priced(tokens: list[tuple[int, int]], p: float, q: float) -> list[Request]:
    return [
        row(f"r{i}", input_tokens=a, output_tokens=b, cost_usd=a * p + b * q)
        for i, (a, b) in enumerate(tokens)
    ]


def test_prices_are_found_from_the_requests_themselves(tmp_path: Path) -> None:
    found = spends(tmp_path, priced([(500, 100), (700, 90), (300, 220)], 3e-6, 15e-6))
    (cost,) = model_costs(found)
    assert cost.input_usd_per_token == pytest.approx(3e-6)
    assert cost.output_usd_per_token == pytest.approx(15e-6)
    assert cost.requests == 3


@pytest.mark.parametrize("count", [1, 5])
def test_requests_that_are_all_alike_fall_back_to_the_usual_ratio(
    tmp_path: Path, count: int
) -> None:
    (cost,) = model_costs(spends(tmp_path, priced([(500, 100)] * count, 1e-6, 4e-6)))
    assert cost.input_usd_per_token == pytest.approx(1e-6)
    assert cost.output_usd_per_token == pytest.approx(4e-6)


@pytest.mark.parametrize(
    "missing",
    [
        {"input_tokens": None, "output_tokens": None},
        {"input_tokens": None},
        {"output_tokens": None},
    ],
)
def test_a_request_with_a_cost_and_no_tokens_is_spend_but_reveals_no_price(
    tmp_path: Path, missing: dict[str, None]
) -> None:
    rows = priced([(500, 100), (700, 90), (300, 220)], 3e-6, 15e-6)
    found = report(tmp_path, [*rows, row("odd", cost_usd=0.25, **missing)])
    (cost,) = found.costs
    assert cost.spend_usd == pytest.approx(0.25 + sum(r.cost_usd or 0 for r in rows))
    (model,) = model_costs(cost.models)
    assert model.requests == 3
    assert model.input_usd_per_token == pytest.approx(3e-6)
    assert cost.per_request.endswith("Without 1 request of unknown cost or tokens.")
    assert not found.troubles
    assert not found.unknowns


def test_the_spend_of_a_model_without_a_price_is_unknown_and_told(tmp_path: Path) -> None:
    rows = [row(f"r{i}", model_id="mystery", cost_usd=None) for i in range(312)]
    found = report(tmp_path, rows)
    assert found.unknowns == ["spend unknown for 312 requests of model mystery (support_chat)"]
    assert found.costs[0].spend_text == "unknown"
    assert not found.overspent


def test_a_spend_with_unknown_parts_is_told_as_at_least(tmp_path: Path) -> None:
    rows = [row("r", cost_usd=1.5), row("s", model_id="mystery", cost_usd=None)]
    found = report(tmp_path, rows)
    assert found.troubles == ["support_chat spent at least $1.50 in 24 hours, budget $1.00"]
    assert r"lark\-2 $1.50, mystery unknown" in found.table()


def test_a_call_that_failed_before_a_token_is_not_unknown_spend(tmp_path: Path) -> None:
    failed = row("r", cost_usd=None, input_tokens=None, output_tokens=None, error="timeout")
    found = report(tmp_path, [failed])
    assert found.unknowns == []
    assert found.costs[0].spend_text == "$0.00"


@pytest.mark.parametrize("cost", [float("nan"), float("inf"), -1.0])
def test_a_cost_that_is_no_amount_is_unknown(tmp_path: Path, cost: float) -> None:
    found = report(tmp_path, [row("r", cost_usd=cost), row("s", cost_usd=0.5)])
    assert found.costs[0].spend_text == "at least $0.50"
    assert found.unknowns == ["spend unknown for 1 request of model lark-2 (support_chat)"]


def test_requests_without_a_token_have_no_token_price(tmp_path: Path) -> None:
    rows = [row(f"r{i}", input_tokens=0, output_tokens=0, cost_usd=0.1) for i in range(3)]
    (cost,) = model_costs(spends(tmp_path, rows))
    assert (cost.input_usd_per_token, cost.output_usd_per_token) == (0.0, 0.0)
    assert cost.cost_usd == pytest.approx(0.3)


def test_a_model_of_only_one_week_moved_the_mix(tmp_path: Path) -> None:
    old = [row(f"o{i}", at=CHANGE - timedelta(days=7), cost_usd=0.001) for i in range(4)]
    new = [row(f"n{i}", model_id="owl", cost_usd=0.002) for i in range(4)]
    (cost,) = report(tmp_path, [*old, *new]).costs
    assert "model mix" in cost.per_request


def test_an_empty_lake_has_no_costs(tmp_path: Path) -> None:
    found = report(tmp_path, [])
    assert not found.costs
    assert not found.troubles
