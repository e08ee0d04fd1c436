"""Decisions about baselines: what is refused and why, what they change, how the ledger tells it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_monitoring.control import Series
from llm_monitoring.rebaselines import (
    RebaselineError,
    accepted_by,
    decide,
    first_changed,
    ledger_entry,
)
from llm_monitoring.records import Baseline, Rebaseline
from llm_monitoring.segments import segment_of_model
from llm_monitoring.settings import Settings
from llm_monitoring_tests.incidents.examples import alert

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
FIRST = 2026100500
KNOWN = {
    Series("search", "{}", None, "error_rate"): FIRST,
    Series("search", "{}", None, "latency_p50_ms"): FIRST,
    Series("search", segment_of_model("m-1"), None, "avg_cost_per_request_usd"): FIRST,
    Series("search", segment_of_model("m-1"), None, "error_rate"): FIRST,
    Series("chat", "{}", "e1", "quality_mean"): 2026101000,
}
SETTINGS = Settings.model_validate(
    {
        "product": "Shop",
        "start": datetime(2026, 10, 5, tzinfo=UTC),
        "features": [{"feature_id": "search"}, {"feature_id": "chat"}],
    }
)
PLAIN: dict[str, Any] = {
    "feature_id": "search",
    "from_hour": "2026-10-20T14",
    "reason": "the new prompt is longer",
    "who": "Ada",
}


def decided(**changes: Any) -> Rebaseline:
    return decide(KNOWN, SETTINGS, NOW, **(PLAIN | changes))


def test_a_restart_is_a_decision_about_one_feature() -> None:
    entry = decided()
    assert (entry.feature_id, entry.metric, entry.segment) == ("search", None, None)
    assert (entry.from_hour, entry.skip_from, entry.skip_to) == (2026102014, None, None)
    assert (entry.reason, entry.author) == ("the new prompt is longer", "Ada")
    assert entry.decided_at == NOW


def test_hours_can_be_left_out_with_or_without_a_restart() -> None:
    skip = {"skip_from": "2026-10-07T03", "skip_to": "2026-10-07T03"}
    only = decided(from_hour=None, **skip)
    both = decided(**skip)
    assert (only.from_hour, only.skip_from, only.skip_to) == (None, 2026100703, 2026100703)
    assert (both.from_hour, both.skip_from) == (2026102014, 2026100703)


@pytest.mark.parametrize(
    "text",
    [
        "2026-10-20T14",
        "2026-10-20 14:00",
        "2026-10-20T14:00:00Z",
        "2026-10-20T16:00+02:00",
        "2026-10-20T19:30+05:30",
    ],
)
def test_an_hour_is_utc_unless_it_tells_its_zone(text: str) -> None:
    assert decided(from_hour=text).from_hour == 2026102014


@pytest.mark.parametrize(
    "text", ["2026-10-20", "2026-10-20T14:30", "2026-10-20T25", "yesterday", "", "2026-10-20T14x"]
)
def test_anything_but_a_whole_hour_is_refused(text: str) -> None:
    with pytest.raises(RebaselineError, match="expected a whole hour such as 2026-10-20T14"):
        decided(from_hour=text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"feature_id": "sarch"}, "feature_id 'sarch' has no windows; there are: chat, search"),
        ({"metric": "eror_rate"}, "metric 'eror_rate' is unknown; there are: abandonment_rate"),
        ({"segment": {"model": "m-2"}}, 'segment {"model":"m-2"} has no windows of search'),
        ({"metric": "latency_p50_ms"}, "no chart with a baseline watches latency_p50_ms of search"),
        (
            {"metric": "error_rate", "segment": {"model": "m-1"}},
            "watches error_rate of search on m-1",
        ),
        ({"metric": "quality_mean"}, "no chart with a baseline watches quality_mean of search"),
        ({"from_hour": None}, "say from_hour .* or skip_from and skip_to"),
        ({"skip_from": "2026-10-07T03"}, "skip_from and skip_to go together"),
        ({"skip_to": "2026-10-07T03"}, "skip_from and skip_to go together"),
        (
            {"skip_from": "2026-10-08T00", "skip_to": "2026-10-07T00"},
            "skip_from 2026-10-08T00 is after 2026-10-07T00",
        ),
        ({"from_hour": "2026-11-01T10"}, "from_hour 2026-11-01T10 lies in the future"),
        ({"from_hour": "2026-10-05T00"}, "not after the first window, 2026-10-05T00"),
        ({"feature_id": "chat", "from_hour": "2026-10-09T00"}, "first window, 2026-10-10T00"),
        ({"reason": "  "}, "reason: say why"),
        ({"who": ""}, "who: say who decides it"),
    ],
)
def test_a_mistake_is_refused_with_what_was_expected(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RebaselineError, match=message):
        decided(**changes)


def test_the_hour_that_runs_now_may_be_the_first_of_the_new_baseline() -> None:
    assert decided(from_hour="2026-11-01T09").from_hour == 2026110109


def test_the_same_decision_twice_is_one() -> None:
    again = decide(KNOWN, SETTINGS, NOW + timedelta(days=1), **(PLAIN | {"who": "Bob"}))
    assert again.rebaseline_id == decided().rebaseline_id
    assert decided(metric="error_rate").rebaseline_id != decided().rebaseline_id


# ------------------------------------------------------------------------------ what it changes


def baseline(began: int, last: int) -> Baseline:
    return Baseline(
        chart_id="c", baseline_id="b", status="established", first_hour=began, last_hour=last,
        windows=336, parameters="{}", diagnostics=json.dumps({"began": began}),
    )  # fmt: skip


def test_a_restart_changes_what_follows_and_a_skip_what_was_learned_from_it() -> None:
    phases = [baseline(2026100500, 2026101823), baseline(2026102014, 2026110313)]
    skip = {"skip_from": "2026-10-19T00", "skip_to": "2026-10-20T14"}
    assert first_changed(decided(), phases) == 2026102014
    assert first_changed(decided(from_hour=None, **skip), phases) == 2026102014
    assert first_changed(decided(from_hour=None, **skip), phases[:1]) is None
    wide = {"skip_from": "2026-10-18T23", "skip_to": "2026-10-20T14"}
    assert first_changed(decided(**wide), phases) == 2026100500
    assert first_changed(decided(), []) == 2026102014


# --------------------------------------------------------------------------------- how it is told


def test_the_ledger_tells_what_was_decided_by_whom_and_why() -> None:
    entry = decided(metric="error_rate", skip_from="2026-10-21T03", skip_to="2026-10-21T09")
    change = ledger_entry(entry)
    assert change.description == (
        "baseline of error rate of search learned anew from 2026-10-20T14 on, "
        "without 2026-10-21T03 to 2026-10-21T09: the new prompt is longer"
    )
    assert (change.kind, change.author, change.feature_id) == ("baseline", "Ada", "search")
    assert change.changed_at == datetime(2026, 10, 20, 14, tzinfo=UTC)
    assert change.change_id == f"rebaseline-{entry.rebaseline_id}"


def test_a_decision_that_only_leaves_hours_out_stands_where_it_was_made() -> None:
    entry = decided(from_hour=None, skip_from="2026-10-21T03", skip_to="2026-10-21T09")
    assert ledger_entry(entry).changed_at == NOW
    assert ledger_entry(replace(entry, feature_id="*")).feature_id is None
    assert "every metric of search" in ledger_entry(entry).description


def test_an_alert_is_accepted_by_who_made_its_level_the_baseline() -> None:
    entry = decided(metric="error_rate")
    mine = {"feature_id": "search", "metric": "error_rate"}
    alerts = [
        alert("same", first_hour=2026102014, **mine),
        alert("later", first_hour=2026102208, **mine),
        alert("before", first_hour=2026102013, **mine),
        alert("after the decision", first_hour=2026110110, **mine),
        alert("other metric", first_hour=2026102014, feature_id="search"),
        alert("no feature", first_hour=2026102014, feature_id=None, metric="error_rate"),
    ]
    assert accepted_by(alerts, [entry]) == {"same": "Ada", "later": "Ada"}
    skip = decided(from_hour=None, skip_from="2026-10-20T14", skip_to="2026-10-20T14")
    assert accepted_by(alerts, [skip]) == {}


def test_of_two_who_accepted_the_later_one_counts() -> None:
    later = replace(decided(), author="Bob", decided_at=NOW + timedelta(hours=1))
    alerts = [alert("a", feature_id="search", first_hour=2026102014)]
    assert accepted_by(alerts, [later, decided()]) == {"a": "Bob"}
