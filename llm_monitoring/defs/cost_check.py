"""The hourly cost check: spend and cost per request against chart and budget, and what moved it."""

from dataclasses import dataclass
from typing import Any

import dagster as dg
import pandas as pd

from llm_monitoring.alerts import one_to_a_series
from llm_monitoring.alerts.points import place
from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.defs.assets.windows import window_metrics
from llm_monitoring.defs.lake_state import newest_hour
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import shift
from llm_monitoring.incidents.cost import cost_movement, model_costs, spend_movement
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import CHARTED
from llm_monitoring.plain_text import markdown

DAY = 24
WEEK = 7 * DAY
COST_METRICS = tuple(metric.name for metric in CHARTED if metric.layer == "cost")


@dataclass(frozen=True, slots=True)
class FeatureCost:
    """One feature's day against the same day a week earlier."""

    feature_id: str
    spend_usd: float
    budget_usd: float | None
    spend: str
    per_request: str
    by_model: dict[str, float]

    @property
    def is_over_budget(self) -> bool:
        """The last 24 hours cost more than a day may."""
        return self.budget_usd is not None and self.spend_usd > self.budget_usd


@dg.asset_check(
    asset=window_metrics,
    name="spend_within_budget",
    description="The last 24 hours are within budget, and no cost chart is out of control.",
)
def spend_within_budget(monitoring: Monitoring) -> dg.AssetCheckResult:
    """Each feature's last day against its budget, its charts, and the same day a week before."""
    newest = newest_hour(monitoring.lake)
    if newest is None:
        return dg.AssetCheckResult(
            passed=False, severity=dg.AssetCheckSeverity.WARN, description="nothing was measured"
        )
    costs = feature_costs(monitoring, newest)
    over = [cost for cost in costs if cost.is_over_budget]
    alarms = monitoring.lake.rows(
        "control_charts", "alarm and list_contains($metrics, metric)",
        hours=(newest, newest), metrics=list(COST_METRICS),
    )  # fmt: skip
    told = [f"{name_text(cost.feature_id)} spent ${cost.spend_usd:,.2f} of ${cost.budget_usd:,.2f}"
            for cost in over]  # fmt: skip
    told += [
        f"{point.metric} of {place(point)} is out of control" for point in one_to_a_series(alarms)
    ]
    return dg.AssetCheckResult(
        passed=not told,
        description="; ".join(told) or f"within budget up to {newest}",
        metadata={"last_hour": newest, "costs": dg.MetadataValue.md(_table(costs))},
    )


def feature_costs(monitoring: Monitoring, newest: int) -> list[FeatureCost]:
    """What each feature cost in the 24 hours up to `newest`, and what moved it since last week."""
    after = _costs(monitoring.lake, shift(newest, 1 - DAY), newest)
    before = _costs(monitoring.lake, shift(newest, 1 - DAY - WEEK), shift(newest, -WEEK))
    features = sorted(after["feature_id"].unique())
    return [_feature_cost(monitoring, name, before, after) for name in features]


def _costs(lake: Lake, first: int, last: int) -> pd.DataFrame:
    rows = lake.query("cost_rows", hours=(first, last), first=first, last=last)
    frame: pd.DataFrame = rows.to_pandas()
    return frame


def _feature_cost(
    monitoring: Monitoring, feature_id: str, before: pd.DataFrame, after: pd.DataFrame
) -> FeatureCost:
    mine = after[after["feature_id"] == feature_id]
    old = model_costs(_rows(before[before["feature_id"] == feature_id]))
    new = model_costs(_rows(mine))
    return FeatureCost(
        feature_id=feature_id,
        spend_usd=float(mine["cost_usd"].sum()),
        budget_usd=monitoring.settings.feature(feature_id).budget_usd_per_day,
        spend=spend_movement(old, new, DAY, DAY).sentence(),
        per_request=cost_movement(old, new).sentence(),
        by_model={str(k): float(v) for k, v in mine.groupby("model_id")["cost_usd"].sum().items()},
    )


def _rows(frame: pd.DataFrame) -> Any:
    return frame.itertuples(index=False)


def _table(costs: list[FeatureCost]) -> str:
    lines = [
        "| feature | last 24 h | budget | by model | spend per hour, on last week "
        "| cost per request, on last week |",
        "|---|---|---|---|---|---|",
    ]
    for cost in costs:
        budget = "none" if cost.budget_usd is None else f"${cost.budget_usd:,.2f}"
        models = ", ".join(f"{markdown(name)} ${usd:,.2f}" for name, usd in cost.by_model.items())
        lines.append(
            f"| {markdown(cost.feature_id)} | ${cost.spend_usd:,.2f} | {budget} | {models} "
            f"| {cost.spend} | {cost.per_request} |"
        )
    return "\n".join(lines)


cost_check_job = dg.define_asset_job(
    "cost_check",
    selection=dg.AssetSelection.checks(spend_within_budget),
    description="Spend and cost per request against chart and budget, and what moved them.",
)
