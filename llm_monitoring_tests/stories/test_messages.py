"""What people hear: one cause is one message, old data and quiet weeks are none."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from llm_monitoring.adapters.channels import Message, Refusal
from llm_monitoring.adapters.prices import Prices
from llm_monitoring.defs.resources import Monitoring
from llm_monitoring.hours import HOUR, hour_range, hour_start
from llm_monitoring.pipeline.alerts.notify import notify
from llm_monitoring.records import Request, UserSignal, WindowMetric
from llm_monitoring.settings.notifying import ChannelSettings
from llm_monitoring.simulation import simulate_hour
from llm_monitoring.simulation.definitions import CLOCK
from llm_monitoring_tests.lake.examples import request
from llm_monitoring_tests.stories.test_four_weeks import without_text
from llm_monitoring_tests.stories.watching import (
    WEEK,
    hour_of,
    new_monitoring,
    raise_alerts,
    watch,
    watch_windows,
    window,
)

pytestmark = pytest.mark.slow
DAY = 24
DUE = timedelta(minutes=12)  # after the end of an hour; no message waits for its page any more


class People:
    """Everyone who hears: a channel that takes every message."""

    def __init__(self) -> None:
        self.heard: list[Message] = []

    def send(self, _: ChannelSettings, message: Message) -> Refusal | None:
        self.heard.append(message)
        return None

    @property
    def kinds(self) -> list[str]:
        return [message.kind for message in self.heard]


@pytest.fixture
def people() -> People:
    return People()


def tell(
    monitoring: Monitoring, people: People, now: datetime, patched: pytest.MonkeyPatch
) -> None:
    """A run of the alerts at a time, and another once the pages of its incidents are written."""
    patched.setenv(CLOCK, now.isoformat())
    raise_alerts(monitoring)
    lake = monitoring.lake
    written = [replace(i, report_path="page.html") for i in lake.rows("incidents")]
    if written:
        lake.update("incidents", written, ["report_path"])
    notify(lake, monitoring.settings, now, people.send)


# -------------------------------------------------------------------------- one outage, one cause


def outage(features: int, n: int, before: int) -> list[WindowMetric]:
    """Hours of few errors, then three in which more and more features fail at 60 %."""
    rng = np.random.default_rng(8)
    rows = []
    for feature in range(features):
        # The last ones are seen an hour later: their requests of the first hour were done.
        began = before + (feature >= 0.8 * features)
        for offset in range(before + 4):
            rate = 0.6 if began <= offset < before + 3 else 0.005
            rows.append(window(hour_of(offset), f"feature_{feature}", rng.binomial(n, rate), n))
    return rows


@pytest.mark.parametrize("shape", [(12, 200, 3 * WEEK), (300, 60, 3 * DAY)])
def test_an_outage_of_the_provider_is_one_incident_and_one_or_two_messages(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    people: People,
    shape: tuple[int, int, int],
) -> None:
    features, n, before = shape
    named = [{"feature_id": f"feature_{i}"} for i in range(features)]
    monitoring = new_monitoring(tmp_path, features=named, notifications={"digest": None})
    lake, hour = monitoring.lake, hour_of(before)
    lake.replace_hours(
        "raw_requests",
        [
            request(f"r{i}", hour, feature_id=f"feature_{i}", model_id="gpt-x",
                    requested_model="gpt-x")
            for i in range(features)
        ],
        hour, hour,
    )  # fmt: skip
    rows = outage(features, n, before)
    history = [row for row in rows if row.hour < hour]
    watch_windows(monitoring, history)
    for offset in range(before, before + 4):
        watch_windows(monitoring, [row for row in rows if row.hour == hour_of(offset)])
        tell(monitoring, people, hour_start(hour_of(offset)) + HOUR + DUE, monkeypatch)
    for hours in (2, 4, 6):
        tell(monitoring, people, hour_start(hour_of(before + 3 + hours)) + HOUR, monkeypatch)
    (incident,) = lake.rows("incidents")
    assert len({a.feature_id for a in lake.rows("alerts")}) == features
    assert people.kinds[0] == "firing"
    assert people.kinds.count("firing") == 1
    assert people.kinds.count("worse") <= 1
    assert set(people.kinds[1:]) <= {"worse", "resolved"}
    assert people.heard[0].topic == incident.incident_id
    assert f"{round(0.8 * features + 0.4)} features" in people.heard[0].text


# ------------------------------------------------------------------------------------- old data


def year() -> list[WindowMetric]:
    """A year of an error rate, with a bad day every month; the last one goes on at its end."""
    rng = np.random.default_rng(9)
    hours = 365 * DAY
    months = range(3 * WEEK, hours, 30 * DAY)
    bad = {first + hour for first in months for hour in range(DAY)}
    bad |= set(range(hours - 60, hours))
    return [
        window(hour_of(offset), "support_chat",
               rng.binomial(300, 0.3 if offset in bad else 0.005), 300)
        for offset in range(hours)
    ]  # fmt: skip


def test_a_year_of_backfill_in_three_pieces_is_one_summary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: People
) -> None:
    monitoring = new_monitoring(tmp_path, notifications={"digest": None})
    rows, now = year(), datetime(2027, 11, 1, tzinfo=UTC)
    edges = [0, 4000, 7000, len(rows)]
    for first, last in pairwise(edges):
        watch_windows(monitoring, rows[first:last])
        now += timedelta(minutes=20)
        tell(monitoring, people, now, monkeypatch)
    assert len(monitoring.lake.rows("alerts")) >= 12
    for hours in range(1, 60, 6):
        tell(monitoring, people, now + timedelta(hours=hours), monkeypatch)
    assert set(people.kinds) == {"summary"}
    assert len(people.kinds) <= 2  # one a day at most, and there was news on two days


# ----------------------------------------------------------------------------------- quiet weeks


def quiet_weeks(monitoring: Monitoring, weeks: int) -> Iterator[tuple[int, int]]:
    """Requests and signals without a fault, two days at a time; the hours that were written."""
    prices = Prices(monitoring.settings.prices)
    late: Mapping[int, list[UserSignal]] = {}
    for day in range(0, weeks * 7, 2):
        first, last = hour_of(day * DAY), hour_of(day * DAY + 2 * DAY - 1)
        requests: list[Request] = []
        signals: list[UserSignal] = [row for rows in late.values() for row in rows]
        for hour in hour_range(first, last):
            sent, reacted = simulate_hour(hour, 11, [])
            requests += [without_text(row, prices) for row in sent]
            signals += reacted
        late = {last: [row for row in signals if row.hour > last]}
        inside = [row for row in signals if first <= row.hour <= last]
        monitoring.lake.replace_hours("raw_requests", requests, first, last)
        monitoring.lake.replace_hours("user_signals", inside, first, last)
        yield first, last


def test_eight_quiet_weeks_are_eight_digests_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: People
) -> None:
    """At a budget that lets chance alarm once in two years: at one a week it does so."""
    monitoring = new_monitoring(tmp_path, end=None, control={"false_alarms_per_week": 0.01})
    for first, last in quiet_weeks(monitoring, 8):
        watch(monitoring, (first, last), ["requests", "signals"])
        tell(monitoring, people, hour_start(last) + HOUR + DUE, monkeypatch)
    wrong: list[Any] = [message.title for message in people.heard if message.kind != "digest"]
    assert wrong == []
    assert 7 <= people.kinds.count("digest") <= 8
