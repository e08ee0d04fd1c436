"""Budgets that are spent and models without a price, from the windows of a day."""

from pathlib import Path

import pytest

from llm_monitoring import hours
from llm_monitoring.alerts import DayPrices, DaySpend, data_episodes, find_overspent, find_unpriced
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.studies.cost import read_overspent, read_unpriced
from llm_monitoring.records import WindowMetric
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings import Settings
from llm_monitoring_tests.lake.examples import window

START = 2026102014
BUDGETS = {"support_chat": 0.05}
SETTINGS = Settings.model_validate(
    {
        "product": "p",
        "start": "2026-10-01T00:00:00Z",
        "features": [{"feature_id": "support_chat", "budget_usd_per_day": 1}],
    }
)


def spend(hour: int, usd: float, unknown: int = 0) -> DaySpend:
    return DaySpend(hour=hour, feature_id="support_chat", spent_usd=usd, unknown=unknown)


def prices(
    hour: int = START, *, unknown: int = 9, requests: int = 9, counted: int = 9
) -> DayPrices:
    return DayPrices(
        hour=hour, model_id="mystery", requests=requests, unknown=unknown,
        priced=requests - unknown, counted=counted,
    )  # fmt: skip


def test_a_budget_that_is_spent_is_an_episode_of_the_hours_in_which_it_was() -> None:
    days = [spend(hours.shift(START, i), usd) for i, usd in enumerate([0.05, 0.2, 0.41, 0.3])]
    newest = hours.shift(START, 3)
    (episode,) = data_episodes(find_overspent(days, BUDGETS), newest_hour=newest)
    assert (episode.layer, episode.subject) == ("cost", "cost/budget/support_chat")
    assert (episode.first_hour, episode.last_hour, episode.open) == (
        hours.shift(START, 1), newest, True,
    )  # fmt: skip
    assert (episode.severity, episode.direction) == ("page", "up")
    assert episode.summary == (
        "support_chat spent $0.41 in 24 hours, budget $0.050, since Tue 2026-10-20 15:00 UTC"
    )


def test_a_budget_that_is_only_just_spent_can_wait_for_the_morning() -> None:
    (episode,) = data_episodes(find_overspent([spend(START, 0.0501)], BUDGETS), newest_hour=START)
    assert episode.severity == "ticket"
    assert "spent $0.0501 in 24 hours, budget $0.0500" in episode.summary


def test_spend_that_is_partly_unknown_is_at_least_so_much() -> None:
    (episode,) = data_episodes(find_overspent([spend(START, 2, 7)], BUDGETS), newest_hour=START)
    assert episode.summary.startswith(
        "support_chat spent at least $2.00 in 24 hours, budget $0.050"
    )


def test_a_feature_without_a_budget_overspends_nothing() -> None:
    assert find_overspent([spend(START, 1e9)], {}) == []


def test_a_model_without_a_price_is_a_ticket_that_says_where_to_write_it() -> None:
    (episode,) = data_episodes(find_unpriced([prices()]), newest_hour=START)
    assert (episode.subject, episode.severity) == ("data/unpriced/mystery", "ticket")
    assert (episode.feature_id, episode.segment) == (None, segment_of_model("mystery"))
    assert episode.summary == (
        "9 of 9 requests to mystery in 24 hours are of unknown cost: write a price of model "
        "mystery into prices: of monitoring.yaml, since Tue 2026-10-20 14:00 UTC"
    )


def test_requests_whose_tokens_nobody_counted_need_no_price() -> None:
    (episode,) = data_episodes(find_unpriced([prices(counted=0)]), newest_hour=START)
    assert "their token counts are not logged" in episode.summary


@pytest.mark.parametrize(("unknown", "requests"), [(4, 4), (9, 200)])
def test_odd_requests_are_no_ticket(unknown: int, requests: int) -> None:
    assert find_unpriced([prices(unknown=unknown, requests=requests)]) == []


def test_a_model_that_is_asked_seldom_is_one_alert() -> None:
    days = [prices(hours.shift(START, i)) for i in (0, 9, 20)]
    newest = hours.shift(START, 40)
    (episode,) = data_episodes(find_unpriced(days), newest_hour=newest)
    assert episode.open
    (over,) = data_episodes(find_unpriced(days), newest_hour=hours.shift(newest, 5))
    assert not over.open


# ------------------------------------------------------------------------ off a real lake


def lake_of(folder: Path, rows: list[WindowMetric]) -> Lake:
    lake = Lake(str(folder))
    lake.replace_hours("window_metrics", rows, START, hours.shift(START, 100))
    return lake


def hour_of(
    number: int, usd: float | None, *, requests: int = 10, priced: int = 10, errors: float = 0.0,
    counted: int | None = None, model_id: str | None = None,
) -> list[WindowMetric]:  # fmt: skip
    """Windows of one hour, counted from START."""
    hour = hours.shift(START, number)
    where = {"feature_id": "support_chat", "segment": segment_of_model(model_id)}
    tokens = requests if counted is None else counted
    return [
        window(hour, usd, metric="total_cost_usd", n=priced, **where),
        window(hour, float(requests), metric="request_count", n=requests, **where),
        window(hour, errors, metric="error_rate", n=requests, **where),
        window(hour, 100.0, metric="avg_input_tokens", n=tokens, **where),
    ]


def test_an_hour_is_judged_by_the_24_hours_up_to_it(tmp_path: Path) -> None:
    rows = [row for i in range(60) for row in hour_of(i, 0.3 if i == 30 else 0.031)]
    found = read_overspent(lake_of(tmp_path, rows), SETTINGS, START, hours.shift(START, 99))
    assert [hours.hours_between(START, f.hour) for f in found] == list(range(30, 54))
    assert found[0].value == pytest.approx(23 * 0.031 + 0.3)


@pytest.mark.parametrize("since", [30, 41, 53])
def test_wherever_a_read_begins_an_hour_is_judged_alike(tmp_path: Path, since: int) -> None:
    rows = [row for i in range(60) for row in hour_of(i, 0.3 if i == 30 else 0.031)]
    lake, last = lake_of(tmp_path, rows), hours.shift(START, 99)
    everything = read_overspent(lake, SETTINGS, 0, last)
    first = hours.shift(START, since)
    assert read_overspent(lake, SETTINGS, first, last) == [f for f in everything if f.hour >= first]


def test_hours_without_windows_are_hours_of_the_day_all_the_same(tmp_path: Path) -> None:
    rows = [*hour_of(0, 0.6), *hour_of(23, 0.6), *hour_of(24, 0.3)]
    found = read_overspent(lake_of(tmp_path, rows), SETTINGS, 0, hours.shift(START, 99))
    assert [hours.hours_between(START, f.hour) for f in found] == [23]


def test_what_failed_before_a_token_is_not_unknown(tmp_path: Path) -> None:
    rows = hour_of(0, 2.0, requests=10, priced=8, errors=0.2, counted=8)
    (found,) = read_overspent(lake_of(tmp_path, rows), SETTINGS, 0, START)
    assert found.reason == ""


@pytest.mark.parametrize(
    ("odd", "unknown"),
    [
        ({"usd": None, "priced": 0}, True),
        ({"usd": float("inf")}, True),
        ({"usd": -4.0}, True),
        ({"usd": 0.1}, False),
    ],
)
def test_an_hour_of_no_known_cost_adds_nothing_and_is_told(
    tmp_path: Path, odd: dict[str, float], unknown: bool
) -> None:
    rows = [*hour_of(0, 2.0), *hour_of(1, **odd)]  # type: ignore[arg-type]
    found = read_overspent(lake_of(tmp_path, rows), SETTINGS, 0, hours.shift(START, 1))
    assert bool(found[1].reason) is unknown
    assert found[1].value == pytest.approx(2.1 if odd.get("usd") == 0.1 else 2.0)


def test_a_model_is_unpriced_over_all_features_in_hours_that_have_such_requests(
    tmp_path: Path,
) -> None:
    unpriced = {"usd": None, "priced": 0, "model_id": "mystery", "requests": 3}
    rows = [
        *hour_of(0, **unpriced), *hour_of(1, **unpriced),
        *hour_of(2, 0.1, model_id="mystery", requests=3, priced=3),
        *hour_of(1, 0.1, model_id="known"),
    ]  # fmt: skip
    (found,) = read_unpriced(lake_of(tmp_path, rows), 0, hours.shift(START, 99))
    assert (found.place, found.value, found.limit) == ("mystery", 6, 6)
    assert found.hour == hours.shift(START, 1)
