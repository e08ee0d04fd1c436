"""Exactly once, however often and in whatever order history is computed."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring import hours
from llm_monitoring.alerts import (
    Episode,
    Reconciliation,
    chart_episodes,
    fingerprint_of,
    is_history,
    is_withdrawn,
    reconcile,
)
from llm_monitoring.lake.lake import Lake
from llm_monitoring.metrics import BY_NAME
from llm_monitoring.records import Alert, ChartPoint

NOW = datetime(2026, 10, 21, tzinfo=UTC)
START = 2026102000


def _hour(offset: int) -> int:
    return hours.shift(START, offset)


def _episode(first: int, last: int, *, is_open: bool = True, **changes: Any) -> Episode:
    episode = Episode(
        layer="quality",
        subject="a/*/-/flag_rate/sr_mixture",
        feature_id="a",
        segment="{}",
        metric="flag_rate",
        severity="page",
        first_hour=_hour(first),
        last_hour=_hour(last),
        windows=last - first + 1,
        change_hour=None,
        direction="up",
        open=is_open,
        summary=f"flag rate up since {first}",
    )
    return replace(episode, **changes)


class Book:
    """The alerts table, and every change of an alert's status in order."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}
        self.changes: list[tuple[str, str]] = []  # fingerprint, new status

    def reconcile(self, episodes: Iterable[Episode], newest: int, **rules: Any) -> Reconciliation:
        result = reconcile(
            list(episodes), list(self.alerts.values()), NOW, newest_hour=_hour(newest), **rules
        )
        for alert in result.alerts:
            known = self.alerts.get(alert.fingerprint)
            if known is None or known.status != alert.status:
                self.changes.append((alert.fingerprint, alert.status))
            self.alerts[alert.fingerprint] = alert
        return result

    @property
    def kinds(self) -> list[str]:
        return [status for _, status in self.changes]

    @property
    def standing(self) -> set[tuple[str, int, int, int, str, str]]:
        return {
            (a.subject, a.first_hour, a.last_hour, a.windows, a.status, a.summary)
            for a in self.alerts.values()
            if not is_withdrawn(a)
        }


def test_an_alert_fires_once_and_resolves_once() -> None:
    book = Book()
    for newest in range(5, 12):
        for _ in range(3):
            book.reconcile([_episode(5, newest)], newest)
    for newest in range(12, 15):
        book.reconcile([_episode(5, 11, is_open=False)], newest)
    assert book.kinds == ["firing", "resolved"]
    (alert,) = book.alerts.values()
    assert (alert.status, alert.windows) == ("resolved", 7)
    assert alert.fingerprint == fingerprint_of(alert.subject, _hour(5))


def test_its_own_output_yields_nothing() -> None:
    book = Book()
    episodes = [_episode(5, 9), _episode(1, 2, is_open=False)]
    book.reconcile(episodes, 9)
    again = reconcile(
        episodes, list(book.alerts.values()), NOW + timedelta(days=9), newest_hour=_hour(9)
    )
    assert again == Reconciliation(alerts=[], silent=0)


def test_an_episode_that_begins_earlier_after_recomputation_is_the_same_alert() -> None:
    book = Book()
    book.reconcile([_episode(5, 9)], 9)
    book.reconcile([_episode(2, 10)], 10)
    book.reconcile([_episode(7, 11)], 11)
    assert book.kinds == ["firing"]
    (alert,) = book.alerts.values()
    assert (alert.first_hour, alert.last_hour) == (_hour(7), _hour(11))
    assert alert.fingerprint == fingerprint_of(alert.subject, _hour(5))


def test_recomputation_may_let_the_other_chart_of_the_series_open_first() -> None:
    book = Book()
    book.reconcile([_episode(5, 9)], 9)
    book.reconcile([_episode(4, 10, subject="a/*/-/flag_rate/single_window")], 10)
    assert book.kinds == ["firing"]
    book.reconcile([_episode(5, 11, subject="a/*/-/error_rate/single_window")], 11)
    assert book.kinds == ["firing", "firing", "resolved"]


def test_one_common_window_makes_it_the_same_alert() -> None:
    book = Book()
    book.reconcile([_episode(5, 9)], 9)
    book.reconcile([_episode(9, 12)], 12)
    assert book.kinds == ["firing"]


def test_a_firing_alert_wins_over_a_withdrawn_one_that_began_in_the_same_window() -> None:
    book = Book()
    book.reconcile([_episode(2, 3)], 3)
    book.reconcile([_episode(5, 9)], 9)
    book.reconcile([_episode(2, 10)], 10)
    standing = [alert for alert in book.alerts.values() if not is_withdrawn(alert)]
    assert [a.fingerprint for a in standing] == [fingerprint_of(standing[0].subject, _hour(5))]
    assert book.kinds == ["firing", "firing", "resolved"]


def test_a_withdrawn_alert_is_not_taken_up_by_an_episode_that_begins_elsewhere() -> None:
    book = Book()
    for newest, episodes in [(9, [_episode(5, 9)]), (10, []), (11, [_episode(6, 11)])]:
        book.reconcile(episodes, newest)
    assert book.kinds == ["firing", "resolved", "firing"]
    assert len(book.alerts) == 2


def test_another_episode_of_the_subject_is_another_alert() -> None:
    book = Book()
    book.reconcile([_episode(5, 6)], 6)
    book.reconcile([_episode(5, 6, is_open=False), _episode(9, 9)], 9)
    assert sorted(book.kinds) == ["firing", "firing", "resolved"]
    assert len(book.alerts) == 2


def test_an_alert_whose_episode_vanished_is_withdrawn_and_people_are_told_once() -> None:
    book = Book()
    book.reconcile([_episode(5, 9)], 9)
    book.reconcile([], 9)
    book.reconcile([], 10)
    assert book.kinds == ["firing", "resolved"]
    (alert,) = book.alerts.values()
    assert alert.status == "resolved"
    assert is_withdrawn(alert)
    assert alert.summary.count("withdrawn") == 1


def test_an_alert_that_vanished_because_somebody_accepted_its_level_says_so() -> None:
    book = Book()
    book.reconcile([_episode(5, 9), _episode(1, 9, subject="other")], 9)
    who = {fingerprint_of("a/*/-/flag_rate/sr_mixture", _hour(5)): "Ada <b>"}
    for _ in range(2):
        book.reconcile([], 9, accepted_by=who)
    accepted, withdrawn = sorted(alert.summary for alert in book.alerts.values())
    assert accepted == "accepted as the new baseline by Ada??b?: flag rate up since 5"
    assert withdrawn.startswith("withdrawn")
    assert all(is_withdrawn(alert) for alert in book.alerts.values())
    assert book.kinds == ["firing", "firing", "resolved", "resolved"]


def test_a_withdrawn_alert_that_comes_back_is_the_same_alert_and_people_are_told() -> None:
    book = Book()
    for newest, episodes in [(9, [_episode(5, 9)]), (10, []), (11, [_episode(5, 11)])]:
        book.reconcile(episodes, newest)
    assert book.kinds == ["firing", "resolved", "firing"]
    (alert,) = book.alerts.values()
    assert alert.status == "firing"
    assert not is_withdrawn(alert)


def test_two_alerts_that_turn_out_to_be_one_leave_one() -> None:
    book = Book()
    book.reconcile([_episode(2, 3, is_open=False), _episode(6, 8)], 8)
    book.reconcile([_episode(2, 9)], 9)
    standing = [alert for alert in book.alerts.values() if not is_withdrawn(alert)]
    assert [(a.first_hour, a.status) for a in standing] == [(_hour(2), "firing")]
    assert book.kinds.count("firing") <= 2


def test_what_a_backfill_finds_of_long_ago_is_history() -> None:
    book = Book()
    old = [_episode(i, i + 2, is_open=False) for i in range(0, 100, 10)]
    result = book.reconcile([*old, _episode(195, 198)], 200)
    assert result.silent == 10
    assert [is_history(alert) for alert in book.alerts.values()].count(True) == 10
    assert book.reconcile([*old, _episode(195, 198)], 201).alerts == []


@pytest.mark.parametrize(("newest", "history"), [(50, False), (51, True)])
def test_an_episode_over_for_two_days_when_found_is_history(newest: int, history: bool) -> None:
    book = Book()
    book.reconcile([_episode(0, 2, is_open=False)], newest)
    assert [is_history(alert) for alert in book.alerts.values()] == [history]


def test_an_alert_that_ends_is_no_history_however_long_ago_that_was() -> None:
    book = Book()
    book.reconcile([_episode(0, 2)], 2)
    book.reconcile([_episode(0, 2, is_open=False)], 200)
    assert [is_history(alert) for alert in book.alerts.values()] == [False]


def test_history_that_opens_again_or_lasted_until_now_after_all_is_none() -> None:
    for episode in (_episode(0, 100), _episode(0, 95, is_open=False)):
        book = Book()
        book.reconcile([_episode(0, 2, is_open=False)], 100)
        book.reconcile([episode], 100)
        assert [is_history(alert) for alert in book.alerts.values()] == [False]


def test_a_severity_rises_and_stays_and_it_is_known_since_when() -> None:
    book = Book()
    for hour, severity in enumerate(("ticket", "page", "ticket")):
        known = list(book.alerts.values())
        now = NOW + timedelta(hours=hour)
        episodes = [_episode(5, 6 + hour, severity=severity)]
        found = reconcile(episodes, known, now, newest_hour=_hour(6 + hour))
        book.alerts |= {alert.fingerprint: alert for alert in found.alerts}
    (alert,) = book.alerts.values()
    assert (alert.severity, alert.severity_at) == ("page", NOW + timedelta(hours=1))


def test_an_alert_keeps_its_incident_and_its_birthday() -> None:
    book = Book()
    book.reconcile([_episode(5, 6)], 6)
    (fingerprint,) = book.alerts
    book.alerts[fingerprint] = replace(book.alerts[fingerprint], incident_id="i-1")
    later = NOW + timedelta(hours=1)
    result = reconcile([_episode(5, 7)], list(book.alerts.values()), later, newest_hour=_hour(7))
    (alert,) = result.alerts
    assert (alert.incident_id, alert.created_at, alert.updated_at) == ("i-1", NOW, later)


def test_of_two_episodes_that_begin_together_the_one_that_goes_on_counts() -> None:
    for episodes in ([_episode(5, 6), _episode(5, 7)], [_episode(5, 7), _episode(5, 6)]):
        book = Book()
        book.reconcile(episodes, 7)
        assert [alert.last_hour for alert in book.alerts.values()] == [_hour(7)]


def test_alerts_read_back_from_the_lake_yield_nothing_new(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    episodes = [_episode(5, 9), _episode(1, 2, is_open=False)]
    result = reconcile(episodes, lake.rows("alerts"), NOW, newest_hour=_hour(99))
    assert [is_history(alert) for alert in result.alerts] == [False, True]
    lake.upsert("alerts", result.alerts)
    again = reconcile(episodes, lake.rows("alerts"), NOW, newest_hour=_hour(99))
    assert again == Reconciliation(alerts=[], silent=0)


# ------------------------------------------------------------------ any order of materialisation

HOURS = 30
Scores = list[int | None]


def _replay(scores: Scores, done: set[int], chart_id: str) -> list[ChartPoint]:
    """A small CUSUM over the hours computed so far: missing history moves its episodes."""
    points, level, open_since = [], 0, None
    for offset in sorted(done):
        score = scores[offset]
        if score is not None:
            level = max(0, level + score - 1)
        was_open = open_since is not None
        if level > 3 and not was_open:
            open_since = offset
        elif level == 0:
            open_since = None
        points.append(_row(offset, chart_id, score, open_since, was_open))
    return points


def _row(
    offset: int, chart_id: str, score: int | None, open_since: int | None, was_open: bool
) -> ChartPoint:
    return ChartPoint(
        hour=_hour(offset),
        chart_id=chart_id,
        feature_id="a",
        segment="{}",
        epoch=None,
        metric="flag_rate",
        chart="reference_ewma",
        status="no_data" if score is None else "established",
        value=score,
        n=0 if score is None else 9,
        center=1.0,
        statistic=None,
        limit=3.0,
        alarm=open_since is not None,
        alarm_started=open_since is not None and not was_open,
        direction="up" if open_since is not None else None,
        level=None,
        change_hour=None,
        baseline_id=None,
        state=[],
    )


def _materialise(histories: dict[str, Scores], chunks: Iterable[set[int]], times: int) -> Book:
    book, done = Book(), set()
    for chunk in chunks:
        done |= chunk
        points = [p for name, scores in histories.items() for p in _replay(scores, done, name)]
        newest = max(done)
        episodes = chart_episodes(points, BY_NAME, newest_hour=_hour(newest))
        for _ in range(times):
            book.reconcile(episodes, newest)
    return book


_SCORES = st.lists(st.sampled_from([0, 0, 1, 2, 4, None]), min_size=HOURS, max_size=HOURS)


@settings(max_examples=80, deadline=None)
@given(_SCORES, _SCORES, st.permutations(range(HOURS)), st.lists(st.integers(1, HOURS - 1)))
def test_any_order_of_materialisation_ends_in_the_same_alerts(
    one: Scores, other: Scores, order: list[int], cuts: list[int]
) -> None:
    histories = {"one": one, "other": other}
    edges = sorted({0, HOURS, *cuts})
    chunks = [set(order[a:b]) for a, b in pairwise(edges)]
    book = _materialise(histories, chunks, times=2)
    at_once = _materialise(histories, [set(range(HOURS))], times=1)
    assert book.standing == at_once.standing


@settings(max_examples=40, deadline=None)
@given(_SCORES)
def test_hour_by_hour_every_alert_fires_once_and_resolves_once(scores: Scores) -> None:
    book = _materialise({"one": scores}, [{i} for i in range(HOURS)], times=1)
    kinds = Counter(book.changes)
    for alert in book.alerts.values():
        assert kinds[alert.fingerprint, "firing"] == 1
        assert kinds[alert.fingerprint, "resolved"] == (alert.status == "resolved")
        assert not is_withdrawn(alert)
