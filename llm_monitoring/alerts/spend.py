"""Spend beyond its budget, and spend that nobody knows: what a day cost, hour by hour."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from llm_monitoring.alerts.data import AT_LEAST, NO_PRICE, NO_TOKENS, DataFinding

DAY = 24  # hours that a budget is for
UNPRICED_REQUESTS = 5  # of a model in a day; fewer are odd requests, not a model without a price
UNPRICED_SHARE = 0.05  # of a model's requests in a day; with less, the known spend is near enough


@dataclass(frozen=True, slots=True, kw_only=True)
class DaySpend:
    """What one feature cost in the 24 hours up to an hour."""

    hour: int  # the last of them
    feature_id: str
    spent_usd: float  # of the requests of known cost
    unknown: int  # requests of unknown cost, at least


@dataclass(frozen=True, slots=True, kw_only=True)
class DayPrices:
    """How many requests to one model could be priced in the 24 hours up to an hour."""

    hour: int  # the last of them; in it are requests of unknown cost
    model_id: str
    requests: int
    unknown: int  # of unknown cost, at least
    priced: int  # of known cost
    counted: int  # whose tokens are known


def find_overspent(days: Iterable[DaySpend], budgets: Mapping[str, float]) -> list[DataFinding]:
    """Hours in which a feature's last day cost more than it may; unknown spend only adds to it.

    Args:
        days: at most one for each feature and hour, any order.
        budgets: feature -> US dollars a day; features without one are not judged.
    """
    return [
        DataFinding(
            hour=day.hour,
            kind="budget",
            place=day.feature_id,
            feature_id=day.feature_id,
            value=day.spent_usd,
            limit=budgets[day.feature_id],
            reason=AT_LEAST if day.unknown else "",
        )
        for day in days
        if day.feature_id in budgets and day.spent_usd > budgets[day.feature_id]
    ]


def find_unpriced(days: Iterable[DayPrices]) -> list[DataFinding]:
    """Hours in which a model's requests are of unknown cost, and too many of its last day are."""
    return [
        DataFinding(
            hour=day.hour,
            kind="unpriced",
            place=day.model_id,
            feature_id=None,
            value=day.unknown,
            limit=day.requests,
            # Where tokens were counted and there is no cost, it is the price that is missing.
            reason=NO_PRICE if day.counted > day.priced else NO_TOKENS,
        )
        for day in days
        if day.unknown >= UNPRICED_REQUESTS and day.unknown >= UNPRICED_SHARE * day.requests
    ]
