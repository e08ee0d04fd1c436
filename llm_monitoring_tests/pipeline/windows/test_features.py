"""Features that log name and monitoring.yaml does not."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from llm_monitoring.alerts import Episode
from llm_monitoring.control import UNLISTED_FEATURES, Series, charts_of, replay
from llm_monitoring.control.features import KEPT_HOURS
from llm_monitoring.hours import hour_start, hours_between, shift
from llm_monitoring.pipeline.alerts.episodes import read_episodes
from llm_monitoring.pipeline.alerts.reconcile import reconcile_alerts
from llm_monitoring.pipeline.incidents.assign import assign_incidents
from llm_monitoring.pipeline.windows.measure import measure_hours
from llm_monitoring.records import WindowMetric
from llm_monitoring.settings import Settings
from llm_monitoring_tests.pipeline.small_product import START, SmallProduct, request


def play(product: SmallProduct, hours: range, **counts: int) -> None:
    """Log so many requests of each feature in each of some hours."""
    for hour in hours:
        lines = [
            request(f"{name}-{hour}-{n}", hour, n % 60, feature_id=name, cost_usd=0.001)
            for name, count in counts.items()
            for n in range(count)
        ]
        product.write("requests", hour, lines)


def windows_of(product: SmallProduct, name: str) -> list[tuple[int, int]]:
    """(hour, requests) of a feature's windows."""
    rows = product.lake.rows(
        "window_metrics", feature_id=name, metric="request_count", segment="{}"
    )
    return [(hours_between(START, row.hour), row.n) for row in rows]


@pytest.mark.slow
def test_a_feature_nobody_listed_has_silent_windows_for_a_week_after_its_last_request(
    tmp_path: Path,
) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(2), search=1)
    play(product, range(2, 4), search=1, basket=2)
    product.run(0, 3 + KEPT_HOURS + 5)
    assert windows_of(product, "basket") == [
        (2, 2), (3, 2), *((hour, 0) for hour in range(4, 4 + KEPT_HOURS)),
    ]  # fmt: skip


def test_an_hour_that_comes_later_than_those_after_it_gives_them_their_silent_windows(
    tmp_path: Path,
) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(1), search=1, basket=2)
    play(product, range(1, 4), search=1)
    product.run(1, 3)
    assert windows_of(product, "basket") == []
    product.run(0, 0)
    assert windows_of(product, "basket") == [(0, 2), (1, 0), (2, 0), (3, 0)]
    charted = product.lake.rows("control_charts", feature_id="basket", chart="missing")
    assert len(charted) == 4


def episodes_of(product: SmallProduct, last: int) -> list[Episode]:
    hour = product.hours(last)[0]
    return read_episodes(product.lake, product.settings, hour, 0, hour)


@pytest.fixture(scope="module")
def renamed(tmp_path_factory: pytest.TempPathFactory) -> SmallProduct:
    """A feature nobody listed goes on under another name from hour 60 on."""
    product = SmallProduct(tmp_path_factory.mktemp("renamed"))
    play(product, range(60), search=2, support_chat=12)
    play(product, range(60, 64), search=2, support_chat_v2=13)
    product.run(0, 63)
    return product


def test_a_feature_nobody_listed_that_is_renamed_is_one_alert_that_names_the_new_name(
    renamed: SmallProduct,
) -> None:
    (episode,) = episodes_of(renamed, 63)
    assert episode.summary == (
        "no requests of support_chat, which is never silent at this time, in 4 windows since "
        "Wed 2026-10-07 12:00 UTC, probably renamed to support_chat_v2, which began at "
        "Wed 2026-10-07 12:00 UTC with 13 requests an hour, taken as gone a week after its last "
        "request: monitoring.yaml does not name it"
    )
    assert (episode.severity, episode.feature_id, episode.open) == ("page", "support_chat", True)


def test_a_renamed_feature_is_one_alert_and_one_incident(renamed: SmallProduct) -> None:
    now = hour_start(renamed.hours(64)[0])
    reconcile_alerts(renamed.lake, renamed.settings, now)
    assign_incidents(renamed.lake, renamed.settings, now)
    (alert,) = renamed.lake.rows("alerts")
    (incident,) = renamed.lake.rows("incidents")
    assert incident.alerts == [alert.fingerprint]


@pytest.mark.slow
def test_a_listed_feature_that_is_renamed_is_told_so_too(tmp_path: Path) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(50), search=2, chat=12)
    play(product, range(50, 52), search=2, assistant=11)
    product.run(0, 51)
    (episode,) = episodes_of(product, 51)
    assert episode.summary.startswith("no requests of chat, which is never silent at this time")
    assert episode.summary.endswith(
        "probably renamed to assistant, which began at Wed 2026-10-07 02:00 UTC "
        "with 11 requests an hour"
    )


@pytest.mark.slow
def test_a_feature_that_is_seldom_asked_alarms_no_night(tmp_path: Path) -> None:
    product = SmallProduct(tmp_path)
    for day in range(6):
        hours = range(24 * day, 24 * day + 24)
        play(product, hours[:10], search=2)
        play(product, hours[10:11], search=2, report=3)  # once a day, at ten
        play(product, hours[11:], search=2, chat=1)
    product.run(0, 143)
    assert episodes_of(product, 143) == []


def test_ids_that_are_logged_as_features_are_counted_together_and_told(tmp_path: Path) -> None:
    product = SmallProduct(tmp_path)
    play(product, range(3), search=2, basket=5)
    ids = {f"user-{n:04}": 1 for n in range(300)}
    play(product, range(3, 5), search=2, basket=5, **ids)
    product.run(0, 4)
    names = {row.feature_id for row in product.lake.rows("window_metrics")}
    assert len(names) == UNLISTED_FEATURES + 3  # search, chat, and what is counted together
    assert [n for _, n in windows_of(product, "basket")] == [5] * 5
    together = 300 - (UNLISTED_FEATURES - 1)
    assert windows_of(product, "*other") == [(3, together), (4, together)]
    assert {r.metric for r in product.lake.rows("window_metrics", feature_id="*other")} >= {
        "error_rate", "quality_mean", "query_length_mean", "correction_rate",
    }  # fmt: skip
    assert not product.lake.rows("control_charts", feature_id="*other")
    (episode,) = episodes_of(product, 4)
    assert episode.summary == (
        "more feature names in the logs than the 50 that are watched beside those of "
        "monitoring.yaml: 251 requests an hour are counted together, in 2 windows since "
        "Mon 2026-10-05 03:00 UTC"
    )
    assert (episode.severity, episode.feature_id) == ("ticket", None)


@pytest.mark.slow
def test_thirty_features_nobody_listed_stay_within_the_budget(tmp_path: Path) -> None:
    """Four weeks in control, Poisson counts from 1 to 400 requests an hour with a daily cycle."""
    settings, rng = SmallProduct(tmp_path).settings, np.random.default_rng(7)
    weeks, alarms, silences = 4, 0, 0
    shape = 1 + 0.8 * np.sin(2 * np.pi * np.arange(168 * weeks) / 24)
    for number, mean in enumerate(np.geomspace(1, 400, 30)):
        counts, name = rng.poisson(mean * shape), f"f{number:02}"
        rates = {"error_rate": 0.02, "flag_rate": 0.05}
        values = {"request_count": counts.astype(float)}
        with np.errstate(invalid="ignore", divide="ignore"):
            values |= {metric: rng.binomial(counts, p) / counts for metric, p in rates.items()}
            spread = rng.normal(0, 1, len(counts)) / np.sqrt(counts)
            values |= {"query_length_mean": 60 * np.exp(0.4 * spread)}
        for metric, measured in values.items():
            series = Series(name, "{}", None, metric)
            windows = [
                WindowMetric(
                    hour=shift(START, i), feature_id=name, segment="{}", epoch=None,
                    metric=metric, n=int(n), stddev=24.0 if "length" in metric else None,
                    value=float(value) if n or metric == "request_count" else None,
                )
                for i, (n, value) in enumerate(zip(counts, measured, strict=True))
            ]  # fmt: skip
            for chart in charts_of(series, settings):
                started = sum(p.alarm_started for p in replay(series, chart, windows).points)
                silences += started if chart.name == "missing" else 0
                alarms += 0 if chart.name == "missing" else started
    assert silences == 0
    assert alarms <= settings.control.false_alarms_per_week * weeks


@pytest.mark.parametrize("name", ["*", "*other", "*x"])
def test_a_feature_that_is_logged_under_a_reserved_name_is_kept_apart(
    tmp_path: Path, name: str
) -> None:
    product = SmallProduct(tmp_path)
    names = {"features": [{"feature_id": each} for each in ("search", "chat", "third")]}
    plain = product.settings.model_dump(mode="json", exclude_none=True)
    product.settings = Settings.model_validate(plain | names)
    play(product, range(3), **{"search": 3, name: 2})
    product.run(0, 2)
    rows = product.lake.rows("window_metrics", metric="request_count", segment="{}")
    assert max(Counter((row.hour, row.feature_id) for row in rows).values()) == 1
    again = measure_hours(
        product.lake, product.settings, product.embedder, "epoch-1", hours=product.hours(0)
    )
    assert again.again == []
