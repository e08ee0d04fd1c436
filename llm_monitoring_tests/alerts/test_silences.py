"""Which alerts a silence holds back, until when; and silences that are refused."""

from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.alerts.silences import (
    Known,
    about,
    decide_silence,
    end_silence,
    is_silenced,
    open_silences,
    silences_of,
    silent_until,
)
from llm_monitoring.records import Silence
from llm_monitoring.written import MistakeError
from llm_monitoring_tests.incidents.examples import NOW, alert

HOUR = timedelta(hours=1)
KNOWN = Known(
    features={"support_chat", "product_search"},
    metrics={"quality_mean", "error_rate"},
    incidents={"2026-10-20T10-support_chat-quality"},
)
FIELDS = {
    "incident_id": "2026-10-20T10-support_chat-quality", "feature_id": "support_chat",
    "segment": '{"model":"lark-2"}', "metric": "quality_mean", "layer": "quality",
}  # fmt: skip
ALERT = alert("a", created_at=NOW - HOUR, **FIELDS)


def silence(**fields: Any) -> Silence:
    plain = Silence(
        silence_id="s", incident_id=None, feature_id=None, segment="{}", metric=None, layer=None,
        starts_at=NOW, until=NOW + 4 * HOUR, who="Ada", why="rollout", decided_at=NOW,
    )  # fmt: skip
    return replace(plain, **fields)


def decided(**fields: Any) -> Silence:
    plain = {"feature_id": "support_chat", "hours": 4.0, "who": "Ada", "why": "rollout"}
    return decide_silence(KNOWN, NOW, **{**plain, **fields})


@given(st.sets(st.sampled_from(sorted(FIELDS))), st.sets(st.sampled_from(sorted(FIELDS))))
def test_all_that_is_named_must_fit(named: set[str], other: set[str]) -> None:
    another = {"segment": '{"model":"owl"}'}
    chosen = {
        name: another.get(name, "another") if name in other else FIELDS[name] for name in named
    }
    assert is_silenced(ALERT, [silence(**chosen)], NOW) == (not named & other)


def test_an_alert_that_is_about_no_feature_is_in_no_silence_of_one() -> None:
    assert not is_silenced(replace(ALERT, feature_id=None), [silence(feature_id="a")], NOW)
    assert is_silenced(replace(ALERT, feature_id=None), [silence(layer="quality")], NOW)


def test_it_begins_with_its_first_moment_and_is_over_with_its_last() -> None:
    one = silence()
    moments = (NOW - timedelta(microseconds=1), NOW, one.until - timedelta(microseconds=1),
               one.until)  # fmt: skip
    assert [is_silenced(ALERT, [one], at) for at in moments] == [False, True, True, False]
    assert [open_silences([one], at) for at in moments] == [[], [one], [one], []]


def test_what_goes_on_is_told_when_the_last_silence_is_over() -> None:
    short, long = silence(silence_id="a", until=NOW + HOUR), silence(silence_id="b")
    both = [long, short]
    assert silent_until(ALERT, both, NOW) is None
    assert silent_until(ALERT, both, NOW + 2 * HOUR) is None  # the longer one still holds it back
    assert silent_until(ALERT, both, NOW + 4 * HOUR) == long.until
    assert silent_until(ALERT, [short], NOW + 2 * HOUR) == short.until
    assert (
        silent_until(replace(ALERT, layer="cost"), [silence(layer="data")], NOW + 9 * HOUR) is None
    )


def test_a_silence_from_before_an_alert_held_it_not_back() -> None:
    late = replace(ALERT, created_at=NOW + 4 * HOUR)
    assert silent_until(late, [silence()], NOW + 9 * HOUR) is None
    early = replace(ALERT, created_at=NOW + 3 * HOUR)
    assert silent_until(early, [silence()], NOW + 9 * HOUR) == NOW + 4 * HOUR


def test_those_of_some_alerts_are_told_the_next_to_end_first() -> None:
    rows = [silence(), silence(silence_id="t", until=NOW + HOUR), silence(feature_id="other")]
    assert [s.silence_id for s in silences_of([ALERT], rows, NOW)] == ["t", "s"]
    assert silences_of([], rows, NOW) == []


def test_a_decision_says_which_alerts_until_when_who_and_why() -> None:
    made = decided(metric="error_rate", who="  Ada ", why="new index\n")
    assert (made.starts_at, made.until, made.decided_at) == (NOW, NOW + 4 * HOUR, NOW)
    assert (made.who, made.why) == ("Ada", "new index")
    assert about(made) == "feature support_chat, metric error_rate"
    assert about(decided(feature_id=None, everything=True)) == "everything"
    assert (
        made.silence_id == decided(metric="error_rate", who="  Ada ", why="new index\n").silence_id
    )
    assert made.silence_id != decided().silence_id


def test_a_model_may_be_one_that_is_yet_to_come() -> None:
    assert decided(feature_id=None, segment={"model": "lark-99"}).segment == '{"model":"lark-99"}'


@pytest.mark.parametrize(
    ("text", "utc_hour"),
    [
        ("2026-10-21T14:30", 14),
        ("2026-10-21 14:30", 14),
        ("2026-10-21T14:30Z", 14),
        ("2026-10-21T14:30+02:00", 12),
        # Clocks go back in this night: the half hour that comes twice is two times.
        ("2026-10-25T02:30+02:00", 0),
        ("2026-10-25T02:30+01:00", 1),
    ],
)
def test_until_is_utc_where_no_zone_is_told(text: str, utc_hour: int) -> None:
    until = decided(hours=None, until=text).until
    assert (until.tzinfo, until.hour, until.minute) == (UTC, utc_hour, 30)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"feature_id": None}, "say what to silence"),
        ({"everything": True}, "everything, or only some feature_id: not both"),
        ({"feature_id": " "}, "feature_id: is empty; leave it out to mean any"),
        ({"feature_id": "suport_chat"}, "no 'suport_chat'; there are: support_chat, "),
        ({"metric": "errors"}, "metric: there is no 'errors'; there are: error_rate"),
        ({"layer": "money"}, "layer: there is no 'money'; there are:"),
        ({"incident_id": "2026"}, "incident_id: there is no '2026'; there are: 2026-10-20T10-"),
        ({"who": " "}, "who: is empty"),
        ({"why": ""}, "why: is empty"),
        ({"why": "x" * 100_000}, "why: has 100,000 characters; 2,000 is the most"),
        ({"who": "A\ud800"}, "who: is not all valid text"),
        ({"hours": None}, "say until when, or for how many hours: one of them"),
        ({"until": "2026-10-21T14"}, "say until when, or for how many hours: one of them"),
        ({"hours": 0.0}, "hours: expected more than 0 and at most 90 days, got 0"),
        ({"hours": float("nan")}, "hours: expected"),
        ({"hours": float("inf")}, "hours: expected"),
        ({"hours": 90 * 24 + 0.1}, "hours: expected"),
        ({"hours": None, "until": "2026-10-20T14:59"}, "not in the future; now is 2026-10-20T15"),
        ({"hours": None, "until": "2027-01-19T00"}, "until: 2027-01-19T00 is more than 90 days"),
        ({"hours": None, "until": "2026-10-21"}, "until: expected a time such as"),
        ({"hours": None, "until": "tomorrow"}, "until: expected a time such as"),
        ({"hours": None, "until": "2026-10-21T99"}, "until: expected a time such as"),
        ({"hours": None, "until": "0001-01-01T00+14:00"}, "until: expected a time such as"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_with_what_was_expected(
    fields: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(MistakeError) as refused:
        decided(**fields)
    assert complaint in str(refused.value)
    assert len(str(refused.value)) < 400


def test_a_silence_is_ended_once_and_tells_by_whom() -> None:
    ended = end_silence(silence(), "Bob", NOW + HOUR)
    assert (ended.until, ended.why) == (NOW + HOUR, "rollout (ended early by Bob)")
    assert not is_silenced(ALERT, [ended], NOW + HOUR)
    assert silent_until(ALERT, [ended], NOW + HOUR) == NOW + HOUR
    with pytest.raises(MistakeError, match=r"silence s was over at 2026-10-20 16:00 UTC"):
        end_silence(ended, "Cyd", NOW + 2 * HOUR)
    with pytest.raises(MistakeError, match="who: is empty"):
        end_silence(silence(), " ", NOW)


def test_one_that_is_ended_as_it_begins_held_nothing_back() -> None:
    none = end_silence(silence(), "Bob", NOW)
    assert not is_silenced(ALERT, [none], NOW)
    assert silent_until(ALERT, [none], NOW) is None
