"""What the last day cost, what a day may cost, and what moved it since the week before."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from llm_monitoring.alerts import (
    UNPRICED_REQUESTS,
    DataFinding,
    DayPrices,
    DaySpend,
    find_overspent,
    find_unpriced,
    one_to_a_series,
    overspent_text,
)
from llm_monitoring.alerts.points import place
from llm_monitoring.alerts.sentences import name_text
from llm_monitoring.hours import shift
from llm_monitoring.incidents.cost import ModelSpend, cost_movement, model_costs, spend_movement
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import CHARTED, OTHER_FEATURES
from llm_monitoring.pipeline.windows.features import read_watched
from llm_monitoring.plain_text import markdown
from llm_monitoring.records import ChartPoint
from llm_monitoring.settings import Settings

DAY = 24
WEEK = 7 * DAY
COST_METRICS = tuple(metric.name for metric in CHARTED if metric.layer == "cost")


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureCost:
    """One feature's day against the same day a week earlier."""

    feature_id: str
    models: Sequence[ModelSpend]
    budget_usd: float | None  # None: no budget
    spend: str  # what moved the spend per hour
    per_request: str  # what moved the cost per request

    @property
    def spend_usd(self) -> float:
        """Known spend; where a cost is unknown it was more."""
        return sum(model.cost_usd for model in self.models)

    @property
    def spend_text(self) -> str:
        """Spend in words, honest about what is not known."""
        return _usd(self.models)


@dataclass(frozen=True, slots=True, kw_only=True)
class CostReport:
    """The last day of every feature."""

    costs: Sequence[FeatureCost]
    overspent: Sequence[DataFinding]  # features that are over budget in the newest hour
    alarms: Sequence[ChartPoint]  # cost charts that are out of control in the newest hour

    @property
    def troubles(self) -> list[str]:
        """Budgets that are spent, and charts out of control."""
        charts = one_to_a_series(self.alarms)
        return [
            *map(overspent_text, self.overspent),
            *(f"{row.metric} of {place(row)} is out of control" for row in charts),
        ]

    @property
    def unknowns(self) -> list[str]:
        """Models whose spend is not known: whether a budget holds cannot be said."""
        return [
            f"spend unknown for {_requests(model.unknown)} of model {name_text(model.model_id)} "
            f"({name_text(cost.feature_id)})"
            for cost in self.costs
            for model in cost.models
            if model.unknown
        ]

    def table(self) -> str:
        """One line a feature, as Markdown."""
        return "\n".join([*_HEAD, *map(_line, self.costs)])


def cost_report(lake: Lake, settings: Settings, newest: int) -> CostReport:
    """What each feature cost in the 24 hours up to `newest`, and what moved it since last week."""
    watched = sorted(read_watched(lake, settings, newest, newest).features[newest])
    after = _spends(lake, shift(newest, 1 - DAY), newest, watched)
    before = _spends(lake, shift(newest, 1 - DAY - WEEK), shift(newest, -WEEK), watched)
    features = sorted({spend.feature_id for spend in after})
    alarms = lake.rows("control_charts", hours=(newest, newest), alarm=True, metric=COST_METRICS)
    return CostReport(
        costs=[_feature_cost(settings, name, before, after) for name in features],
        overspent=read_overspent(lake, settings, newest, newest),
        alarms=alarms,
    )


def read_overspent(lake: Lake, settings: Settings, first: int, last: int) -> list[DataFinding]:
    """Hours in which a feature had spent more than its budget in a day, from the stored windows.

    So an hour is judged alike while it is the newest, a year later, and in a backfill.
    """
    budgets = {f.feature_id: f.budget_usd_per_day for f in settings.features}
    known = {name: budget for name, budget in budgets.items() if budget is not None}
    if not known:
        return []
    rows = lake.query(
        "day_spends", hours=(_day_before(first), last), since=first,
        features=list(known), least=min(known.values()),
    )  # fmt: skip
    return find_overspent((DaySpend(**row) for row in rows.to_pylist()), known)


def read_unpriced(lake: Lake, first: int, last: int) -> list[DataFinding]:
    """Hours in which too many of a model's requests of a day have no cost."""
    rows = lake.query(
        "day_unpriced", hours=(_day_before(first), last), since=first, least=UNPRICED_REQUESTS
    )
    return find_unpriced(DayPrices(**row) for row in rows.to_pylist())


def _day_before(hour: int) -> int:
    """First hour of the day that ends with an hour; 0, where everything is read, stays 0."""
    return shift(hour, 1 - DAY) if hour else 0


def _spends(lake: Lake, first: int, last: int, watched: Sequence[str]) -> list[ModelSpend]:
    rows = lake.query(
        "model_spends",
        hours=(first, last),
        first=first,
        last=last,
        watched=watched,
        other=OTHER_FEATURES,
    )
    return [ModelSpend(**row) for row in rows.to_pylist()]


def _feature_cost(
    settings: Settings, feature_id: str, before: Iterable[ModelSpend], after: Iterable[ModelSpend]
) -> FeatureCost:
    then, now = ([s for s in side if s.feature_id == feature_id] for side in (before, after))
    old, new = model_costs(then), model_costs(now)
    left_out = _left_out([*then, *now])
    return FeatureCost(
        feature_id=feature_id,
        models=now,
        budget_usd=settings.feature(feature_id).budget_usd_per_day,
        spend=spend_movement(old, new, DAY, DAY).sentence() + left_out,
        per_request=cost_movement(old, new).sentence() + left_out,
    )


def _left_out(spends: Iterable[ModelSpend]) -> str:
    """Requests the comparison cannot take in, in words."""
    count = sum(spend.priced + spend.unknown - spend.requests for spend in spends)
    return f" Without {_requests(count)} of unknown cost or tokens." if count else ""


def _requests(count: int) -> str:
    return f"{count:,} request{'' if count == 1 else 's'}"


def _usd(models: Sequence[ModelSpend]) -> str:
    if not any(model.priced for model in models):
        return "unknown" if any(model.unknown for model in models) else "$0.00"
    at_least = "at least " if any(model.unknown for model in models) else ""
    return f"{at_least}${sum(model.cost_usd for model in models):,.2f}"


def _line(cost: FeatureCost) -> str:
    budget = "none" if cost.budget_usd is None else f"${cost.budget_usd:,.2f}"
    models = ", ".join(f"{markdown(model.model_id)} {_usd([model])}" for model in cost.models)
    return (
        f"| {markdown(cost.feature_id)} | {cost.spend_text} | {budget} | {models} "
        f"| {cost.spend} | {cost.per_request} |"
    )


_HEAD = (
    "| feature | last 24 h | budget | by model | spend per hour, on last week "
    "| cost per request, on last week |",
    "|---|---|---|---|---|---|",
)
