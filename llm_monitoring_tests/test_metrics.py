"""Window metrics out of a real lake, against an independent statement of their definitions."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_monitoring.hours import hour_range, shift
from llm_monitoring.lake import Lake
from llm_monitoring.metrics import (
    BY_NAME,
    CHARTED,
    METRICS,
    Family,
    measurements_sql,
    silent_windows,
)
from llm_monitoring.records import Request, UserSignal, WindowMetric
from llm_monitoring_tests.lake.examples import FIRST, judgement, request, signal

DAY_US = 24 * 3_600_000_000
SIGNAL_TYPES = ("thumbs_up", "thumbs_down", "correction", "follow_up", "abandoned")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def store(lake: Lake, table: str, rows: Sequence[Any]) -> None:
    hours = [row.hour for row in rows]
    lake.replace_hours(table, rows, min(hours), max(hours))


def measure(
    lake: Lake, family: Family, first: int = FIRST, last: int = FIRST
) -> list[dict[str, Any]]:
    table = lake.query(
        f"window_{family}",
        hours=(first, shift(last, 24)),
        fragments={"measurements": measurements_sql(family), "feature": "feature_id"},
        first=first,
        last=last,
        settle_us=DAY_US,
    )
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def measured(rows: Iterable[dict[str, Any]], **where: Any) -> dict[str, float | None]:
    where = {"model_id": None} | where
    return {
        row["metric"]: row["value"]
        for row in rows
        if all(row[name] == value for name, value in where.items())
    }


# ------------------------------------------------ the reference's definitions


def expected_of_requests(requests: Sequence[Request]) -> dict[str, float]:
    """The reference document's window metrics, in exact arithmetic and unrounded."""
    count = len(requests)
    ordered = sorted(r.latency_ms for r in requests if r.latency_ms is not None)

    def at(percent: int) -> float:
        return ordered[min(count * percent // 100, count - 1)]

    def share(events: int) -> float:
        return float(Fraction(events, count))

    costs = math.fsum(r.cost_usd for r in requests if r.cost_usd is not None)
    return {
        "request_count": count,
        "error_rate": share(sum(r.error is not None for r in requests)),
        "refusal_rate": share(sum(r.finish_reason == "refusal" for r in requests)),
        "latency_p50_ms": at(50),
        "latency_p95_ms": at(95),
        "latency_p99_ms": at(99),
        "total_cost_usd": costs,
        "avg_cost_per_request_usd": costs / count,
        "avg_input_tokens": share(sum(r.input_tokens or 0 for r in requests)),
        "avg_output_tokens": share(sum(r.output_tokens or 0 for r in requests)),
    }


def expected_of_signals(count: int, kinds: Counter[str]) -> dict[str, float | None]:
    """The reference document's satisfaction metrics; its risk flag only where people rate."""
    up, down = kinds["thumbs_up"], kinds["thumbs_down"]
    rated = up + down
    leaving = Fraction(kinds["abandoned"], count)
    looks_good = rated > 0 and Fraction(up, rated) > Fraction(8, 10)
    hardly_rated = Fraction(rated, count) < Fraction(1, 100)
    return {
        "explicit_positive_rate": up / rated if rated else None,
        "explicit_feedback_coverage": rated / count,
        "correction_rate": kinds["correction"] / count,
        "follow_up_rate": kinds["follow_up"] / count,
        "abandonment_rate": kinds["abandoned"] / count,
        "survivorship_bias_risk": float(leaving > Fraction(3, 10) and (looks_good or hardly_rated)),
    }


def agree(found: dict[str, float | None], expected: dict[str, Any]) -> None:
    assert set(found) == set(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-12, abs=0), name


def random_requests(rng: np.random.Generator, count: int, hour: int = FIRST) -> list[Request]:
    return [
        request(
            f"{hour}-{i}",
            hour,
            model_id=str(rng.choice(["model-a", "model-b"])),
            latency_ms=float(rng.lognormal(6, 1)),
            input_tokens=int(rng.integers(0, 5000)),
            output_tokens=int(rng.integers(0, 2000)),
            cost_usd=float(rng.lognormal(-6, 1)),
            finish_reason=str(rng.choice(["end_turn", "refusal", "max_tokens"])),
            error="timeout" if rng.random() < 0.1 else None,
        )
        for i in range(count)
    ]


# -------------------------------------------------------------------- requests


def test_percentiles_take_the_references_index_in_a_thousand_windows(lake: Lake) -> None:
    rng = np.random.default_rng(1)
    sizes = [*range(1, 301), *(100 * k for k in range(4, 24)), *(20 * k + 1 for k in range(15, 35))]
    sizes += rng.integers(1, 60, 1000 - len(sizes)).tolist()
    rows, expected = [], {}
    for hour, size in zip(hour_range(FIRST, shift(FIRST, 999)), sizes, strict=True):
        # Whole milliseconds in every third window: ties must not matter.
        latencies = rng.lognormal(6, 1, size).round(0 if hour % 3 == 0 else 9).tolist()
        rows += [request(f"{hour}-{i}", hour, latency_ms=ms) for i, ms in enumerate(latencies)]
        latencies.sort()
        for percent in (50, 95, 99):
            index = min(int(size * percent / 100), size - 1)
            expected[hour, f"latency_p{percent}_ms"] = latencies[index]
    store(lake, "raw_requests", rows)
    measurements = measure(lake, "requests", FIRST, shift(FIRST, 999))
    found = {
        (row["hour"], row["metric"]): row["value"]
        for row in measurements
        if row["model_id"] is None and row["metric"].startswith("latency")
    }
    assert len(expected) == 3000
    mismatches = {key for key in expected if found.get(key) != expected[key]}
    assert mismatches == set()


@pytest.mark.parametrize("count", [1, 2, 7, 100, 333])
def test_every_request_metric_equals_the_reference_unrounded(lake: Lake, count: int) -> None:
    requests = random_requests(np.random.default_rng(count), count)
    store(lake, "raw_requests", requests)
    agree(measured(measure(lake, "requests")), expected_of_requests(requests))


def test_requests_are_measured_for_each_model_and_for_the_feature(lake: Lake) -> None:
    requests = random_requests(np.random.default_rng(5), 200)
    store(lake, "raw_requests", requests)
    rows = measure(lake, "requests")
    assert {row["model_id"] for row in rows} == {None, "model-a", "model-b"}
    for model in ("model-a", "model-b"):
        mine = [r for r in requests if r.model_id == model]
        agree(measured(rows, model_id=model), expected_of_requests(mine))


def test_hours_and_features_do_not_leak_into_each_other(lake: Lake) -> None:
    later = shift(FIRST, 1)
    rows = [
        request("a", latency_ms=1.0),
        request("b", latency_ms=2.0, feature_id="chat"),
        request("c", later, latency_ms=3.0),
    ]
    store(lake, "raw_requests", rows)
    found = measure(lake, "requests", FIRST, later)
    assert measured(found, feature_id="search", hour=FIRST)["latency_p50_ms"] == 1.0
    assert measured(found, feature_id="chat", hour=FIRST)["latency_p50_ms"] == 2.0
    assert measured(found, feature_id="search", hour=later)["latency_p50_ms"] == 3.0
    assert {row["hour"] for row in measure(lake, "requests")} == {FIRST}


def test_what_was_not_logged_does_not_count(lake: Lake) -> None:
    known = {"latency_ms": 300.0, "cost_usd": 0.5, "input_tokens": 7}
    unknown = dict.fromkeys(known)
    store(lake, "raw_requests", [request("a", **known), request("b", **unknown)])
    rows = [row for row in measure(lake, "requests") if row["model_id"] is None]
    found = {row["metric"]: (row["value"], row["n"]) for row in rows}
    assert found["latency_p95_ms"] == (300.0, 1)
    assert found["total_cost_usd"] == (0.5, 1)
    assert found["avg_input_tokens"] == (7.0, 1)
    assert found["request_count"] == (2.0, 2)
    assert found["refusal_rate"] == (0.0, 2)


def test_nothing_known_is_null_and_never_zero(lake: Lake) -> None:
    store(lake, "raw_requests", [request("a", latency_ms=None, cost_usd=None, finish_reason=None)])
    rows = [row for row in measure(lake, "requests") if row["model_id"] is None]
    found = {row["metric"]: (row["value"], row["n"]) for row in rows}
    for name in ("latency_p50_ms", "total_cost_usd", "avg_cost_per_request_usd"):
        assert found[name] == (None, 0)
    assert found["refusal_rate"] == (0.0, 1)


@pytest.mark.parametrize(("percent", "off"), [(50, 0.1), (95, 0.2), (99, 0.3)])
def test_the_standard_error_of_a_percentile_is_how_it_scatters(
    lake: Lake, percent: int, off: float
) -> None:
    rng = np.random.default_rng(percent)
    hours = list(hour_range(FIRST, shift(FIRST, 99)))
    rows = [
        request(f"{hour}-{i}", hour, latency_ms=float(ms))
        for hour in hours
        for i, ms in enumerate(rng.lognormal(6, 0.5, 400))
    ]
    store(lake, "raw_requests", rows)
    found = [
        row
        for row in measure(lake, "requests", FIRST, hours[-1])
        if row["metric"] == f"latency_p{percent}_ms" and row["model_id"] is None
    ]
    scatter = np.std([row["value"] for row in found], ddof=1)
    told = np.median([row["stddev"] / np.sqrt(row["n"]) for row in found])
    assert told == pytest.approx(scatter, rel=off + 0.15)  # 100 windows: .07 for the scatter itself


def test_beside_other_features_each_has_its_share_and_all_have_one_total(lake: Lake) -> None:
    features = ["search"] * 6 + ["chat"] * 3 + ["other"]
    rows = [request(f"{i}", feature_id=name) for i, name in enumerate(features)]
    store(lake, "raw_requests", rows)
    found = {(r["feature_id"], r["metric"]): (r["value"], r["n"]) for r in measure(lake, "fleet")}
    assert found == {
        ("search", "request_share"): (0.6, 10),
        ("chat", "request_share"): (0.3, 10),
        ("other", "request_share"): (0.1, 10),
        ("*", "request_count"): (10.0, 10),
    }


def test_the_standard_deviation_is_of_the_rows_and_unknown_for_one_row(lake: Lake) -> None:
    errors = [None, None, "timeout", None, "timeout"]
    requests = [
        request(f"{i}", input_tokens=tokens, error=error)
        for i, (tokens, error) in enumerate(zip([3, 5, 11, 2, 90], errors, strict=True))
    ]
    store(lake, "raw_requests", [*requests, request("alone", feature_id="chat")])
    rows = {
        (r["feature_id"], r["metric"]): r for r in measure(lake, "requests") if not r["model_id"]
    }
    tokens = rows["search", "avg_input_tokens"]
    assert tokens["stddev"] == pytest.approx(np.std([3, 5, 11, 2, 90], ddof=1))
    failed = [error is not None for error in errors]
    assert rows["search", "error_rate"]["stddev"] == pytest.approx(np.std(failed, ddof=1))
    for name in ("avg_input_tokens", "error_rate", "latency_p50_ms"):
        assert rows["chat", name]["stddev"] is None


# --------------------------------------------------------------------- signals


def window_of_signals(lake: Lake, count: int, kinds: dict[str, int]) -> dict[str, float | None]:
    """A window of `count` requests, the first of which got the signals."""
    store(lake, "raw_requests", [request(f"r{i}") for i in range(count)])
    signals: list[UserSignal] = [
        signal(f"r{i}", kind) for kind, times in kinds.items() for i in range(times)
    ]
    if signals:
        store(lake, "user_signals", signals)
    return measured(measure(lake, "signals"))


@pytest.mark.parametrize("seed", range(8))
def test_every_satisfaction_metric_equals_the_reference(lake: Lake, seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    kinds = {kind: int(rng.integers(0, count + 1)) for kind in SIGNAL_TYPES}
    agree(window_of_signals(lake, count, kinds), expected_of_signals(count, Counter(kinds)))


def test_thumbs_up_of_88_percent_beside_45_percent_abandonment_raises_survivorship_risk(
    lake: Lake,
) -> None:
    kinds = {"thumbs_up": 44, "thumbs_down": 6, "abandoned": 180}
    found = window_of_signals(lake, 400, kinds)
    assert found["explicit_positive_rate"] == 0.88
    assert found["abandonment_rate"] == 0.45
    assert found["survivorship_bias_risk"] == 1.0


@pytest.mark.parametrize(
    ("up", "down", "abandoned", "risk"),
    [
        (44, 6, 20, 0.0),  # good ratings, and few leave
        (20, 30, 45, 0.0),  # many leave, and the ratings say so
        (0, 0, 45, 1.0),  # many leave, and nobody rates
        (0, 0, 10, 0.0),  # nobody rates, and few leave
        (0, 1, 45, 0.0),  # one in a hundred rates, and says it is bad
        (4, 1, 45, 0.0),  # exactly 80 % positive is not above it
        (5, 1, 30, 0.0),  # exactly 30 % abandoned is not above it
        (5, 1, 31, 1.0),
    ],
)
def test_survivorship_risk_needs_people_who_leave_and_ratings_that_hide_it(
    lake: Lake, up: int, down: int, abandoned: int, risk: float
) -> None:
    kinds = {"thumbs_up": up, "thumbs_down": down, "abandoned": abandoned}
    assert window_of_signals(lake, 100, kinds)["survivorship_bias_risk"] == risk


def test_survivorship_risk_is_raised_when_hardly_anyone_rates(lake: Lake) -> None:
    kinds = {"thumbs_down": 1, "abandoned": 90}
    assert window_of_signals(lake, 200, kinds)["survivorship_bias_risk"] == 1.0


def test_a_signal_counts_for_the_window_of_its_request_if_it_came_in_time(lake: Lake) -> None:
    later = shift(FIRST, 3)
    store(lake, "raw_requests", [request("a"), request("b"), request("elsewhere", later)])
    signals = [
        signal("a", "correction", later),  # three hours later: counts for the request's window
        signal("b", "correction", shift(FIRST, 24), minutes=2),  # after more than a day
        signal("unknown", "correction"),
    ]
    store(lake, "user_signals", signals)
    found = measure(lake, "signals", FIRST, later)
    assert measured(found, hour=FIRST)["correction_rate"] == 0.5
    assert measured(found, hour=later)["correction_rate"] == 0.0


def test_several_signals_to_one_request_all_count_as_in_the_reference(lake: Lake) -> None:
    store(lake, "raw_requests", [request("a")])
    store(lake, "user_signals", [signal("a", "follow_up", minutes=m) for m in (2, 3, 4)])
    assert measured(measure(lake, "signals"))["follow_up_rate"] == 3.0


# ------------------------------------------------------------------ judgements


def test_epochs_are_never_mixed(lake: Lake) -> None:
    rows = [judgement(f"r{i}", 5.0, epoch="old") for i in range(3)]
    rows += [judgement(f"r{i}", 2.0, epoch="new") for i in range(3)]
    store(lake, "judgements", rows)
    found = measure(lake, "judgements")
    assert {row["epoch"] for row in found} == {"old", "new"}
    assert measured(found, epoch="old")["quality_mean"] == 5.0
    assert measured(found, epoch="new")["quality_mean"] == 2.0
    assert {row["n"] for row in found} == {3}


def test_mean_scores_are_weighted_by_what_each_request_stands_for(lake: Lake) -> None:
    rows = [
        judgement("common", 4.0, inclusion_probability=0.1),
        judgement("rare", 1.0, inclusion_probability=1.0),
        judgement("lost", None, inclusion_probability=0.1),
    ]
    store(lake, "judgements", rows)
    found = {r["metric"]: r for r in measure(lake, "judgements") if r["model_id"] is None}
    assert found["quality_mean"]["value"] == pytest.approx((4.0 * 10 + 1.0) / 11)
    assert found["quality_mean"]["n"] == 2
    assert found["unscored_rate"]["value"] == pytest.approx(1 / 3)
    assert found["flag_rate"]["n"] == 2


def test_a_window_in_which_nothing_could_be_scored_has_no_mean(lake: Lake) -> None:
    store(lake, "judgements", [judgement("a", None)])
    found = {r["metric"]: r for r in measure(lake, "judgements") if r["model_id"] is None}
    assert found["quality_mean"]["value"] is None
    assert found["quality_mean"]["n"] == 0
    assert found["unscored_rate"]["value"] == 1.0


# -------------------------------------------------------------- empty windows


def test_a_window_without_requests_is_a_row_with_n_0_for_every_metric() -> None:
    families: tuple[Family, ...] = ("requests", "signals", "judgements", "inputs")
    hours = list(hour_range(FIRST, shift(FIRST, 2)))
    for family in families:
        epoch = "e1" if family == "judgements" else None
        rows = silent_windows(family, hours, ["search", "chat"], {(hours[1], "chat")}, epoch)
        mine = [metric.name for metric in METRICS if metric.family == family]
        assert len(rows) == 5 * len(mine)
        assert (hours[1], "chat") not in {(row.hour, row.feature_id) for row in rows}
        assert {row.n for row in rows} == {0}
        assert {row.epoch for row in rows} == {epoch}
        for row in rows:
            assert row.value == (0.0 if row.metric == "request_count" else None)


def test_a_silent_window_can_be_stored_beside_a_measured_one(lake: Lake) -> None:
    rows = silent_windows("requests", [FIRST], ["search"], set(), None)
    store(lake, "window_metrics", rows)
    read: list[WindowMetric] = lake.rows("window_metrics", "metric = 'error_rate'")
    assert [(row.value, row.n) for row in read] == [(None, 0)]


# ------------------------------------------------------------------ catalogue


def test_every_metric_is_measured_by_the_statement_of_its_family() -> None:
    for family in ("requests", "signals", "judgements", "inputs"):
        names = {metric.name for metric in METRICS if metric.family == family}
        sql = measurements_sql(family)
        assert {name for name in BY_NAME if f"metric: '{name}'" in sql} == names


def test_charted_metrics_say_which_way_is_bad_and_flags_are_not_charted() -> None:
    assert {m.name for m in METRICS if m.kind == "flag"} == {"survivorship_bias_risk"}
    assert all(m.bad for m in CHARTED)
    assert all(m.kind != "flag" for m in CHARTED)
    assert len(BY_NAME) == len(METRICS)
