from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from llm_monitoring.alerts import reconcile
from llm_monitoring.alerts.monitor import failure_episodes, signal_of
from llm_monitoring.alerts.sentences import error_text
from llm_monitoring.records import Alert, Failure

DAY = datetime(2026, 10, 20, tzinfo=UTC)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def failure(failed: float, mended: float | None = None, **how: Any) -> Failure:
    values: dict[str, Any] = {
        "failure_id": f"{failed}", "kind": "run", "name": "hours", "partition": None,
        "first_hour": None, "last_hour": None, "reason": "OSError",
    } | how  # fmt: skip
    return Failure(failed_at=at(failed), mended_at=None if mended is None else at(mended), **values)


def test_failures_of_one_thing_are_one_episode_until_all_are_made_good() -> None:
    (episode,) = failure_episodes([failure(1, 5), failure(2), failure(3, 4)])
    assert (episode.open, episode.windows, episode.severity) == (True, 3, "page")
    assert (episode.first_hour, episode.last_hour) == (2026102001, 2026102003)


def test_a_failure_long_after_the_last_was_made_good_is_another_episode() -> None:
    episodes = failure_episodes([failure(1, 2), failure(4)])
    assert [(e.first_hour, e.open) for e in episodes] == [(2026102001, False), (2026102004, True)]


def test_a_failure_within_the_hour_in_which_the_last_was_made_good_goes_on_with_it() -> None:
    (episode,) = failure_episodes([failure(1, 1.2), failure(1.5)])
    assert episode.open


def test_a_failure_stamped_by_a_clock_that_ran_ahead_and_the_next_one_are_told_apart() -> None:
    # "12:05" was 10:05: the clock was put right, and it was made good at 10:20.
    (episode,) = failure_episodes([failure(12.1, 10.3), failure(12.5)])
    assert (episode.first_hour, episode.open) == (2026102012, True)
    later = failure_episodes([failure(12.1, 10.3), failure(13.5)])
    assert [e.first_hour for e in later] == [2026102012, 2026102013]


def test_things_that_fail_are_told_apart_and_upkeep_wakes_nobody() -> None:
    rows = [
        failure(1), failure(1, name="maintenance"), failure(1, kind="sensor", name="open_alerts"),
        failure(1, kind="missing", first_hour=2026102000, last_hour=2026102002),
    ]  # fmt: skip
    assert {(e.subject, e.severity) for e in failure_episodes(rows)} == {
        ("monitor/run/hours", "page"),
        ("monitor/run/maintenance", "ticket"),
        ("monitor/sensor/open_alerts", "ticket"),
        ("monitor/missing/hours", "page"),
    }


def test_a_sentence_names_what_fails_the_hours_the_reason_and_since_when() -> None:
    (episode,) = failure_episodes(
        [failure(3.5, first_hour=2026102001, last_hour=2026102002)], simulated=True
    )
    assert episode.summary == (
        "monitoring: a run of the job hours failed, for the hours from Tue 2026-10-20 01:00 UTC "
        "until Tue 2026-10-20 03:00 UTC (OSError), since 2026-10-20 03:30 UTC (simulated)"
    )
    (over,) = failure_episodes([failure(3.5, 4, name="weeks", partition="2026-10-19")])
    assert over.summary == (
        "monitoring: a run of the job weeks failed, for 2026-10-19 (OSError), "
        "since 2026-10-20 03:30 UTC, made good"
    )


def test_each_failure_and_each_recovery_changes_the_alert_even_within_one_hour() -> None:
    known: dict[str, Alert] = {}
    changes = []
    histories = [
        [failure(1)],
        [failure(1, 1.1)],
        [failure(1, 1.1), failure(1.2)],
        [failure(1, 1.1), failure(1.2, 1.3)],
    ]
    for minute, rows in enumerate(histories):
        for _ in range(2):
            found = reconcile(
                failure_episodes(rows), list(known.values()), at(1 + minute / 60),
                newest_hour=2026102000,
            )  # fmt: skip
            known |= {alert.fingerprint: alert for alert in found.alerts}
            changes += [alert.status for alert in found.alerts]
    assert changes == ["firing", "resolved", "firing", "resolved"]
    assert len(known) == 1


@pytest.mark.parametrize(
    ("failures", "newest", "keep_failing", "kind"),
    [
        ([], 2026102009, 0, "well"),
        ([failure(1, name="maintenance")], 2026102009, 0, "well"),
        ([failure(1)], 2026102009, 0, "fail"),
        ([], 2026102009, 3, "fail"),
        ([failure(1)], 2026102008, 0, "withheld"),
        ([], None, 0, "withheld"),
    ],
)
def test_the_heartbeat_says_well_fail_or_nothing(
    failures: list[Failure], newest: int | None, keep_failing: int, kind: str
) -> None:
    signal = signal_of(failures, newest=newest, due=2026102009, keep_failing=keep_failing)
    assert signal.kind == kind
    assert (signal.reason is None) == (kind == "well")


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("OSError: [Errno 28] No space left on device: '/data/lake'",
         "OSError: No space left on device: ..."),
        ("ValueError: bad \"Dear Ada\", 'or' `so`\nmore", "ValueError: bad ..., ... ..."),
        ("ConnectError: https://user:pw@host/T0PSECRET refused", "ConnectError: ... refused"),
        ("AuthError: sk-proj-abcdefghijkl0123456789 of ada@example.com",
         "AuthError: ... of ..."),
        ("  \n", "no reason given"),
        ("KeyError: <script>\x1b[31m", "KeyError: ?script???31m"),
    ],
)  # fmt: skip
def test_an_error_goes_out_without_quoted_text_addresses_and_keys(message: str, told: str) -> None:
    assert error_text(message) == told
