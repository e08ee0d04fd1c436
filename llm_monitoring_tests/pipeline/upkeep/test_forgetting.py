"""A user is removed from every table, the files are free of them, and a re-read brings nothing."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.adapters.sources import Reading, read_requests, read_signals
from llm_monitoring.adapters.sources.columns import columns_of
from llm_monitoring.hours import hour_start
from llm_monitoring.incidents.evidence import Evidence, Triage, to_json
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.upkeep import forgetting
from llm_monitoring.pipeline.upkeep.forgetting import Traces
from llm_monitoring.records import InputFeature, InputReference, SampledRequest, UserSignal
from llm_monitoring.settings import Settings
from llm_monitoring.settings.keeping import PrivacySettings, Redaction
from llm_monitoring_tests.adapters.source_examples import HOUR, settings, write
from llm_monitoring_tests.adapters.source_examples import request as line
from llm_monitoring_tests.incidents.test_quotes import incident, item
from llm_monitoring_tests.lake.examples import judgement, signal, window
from llm_monitoring_tests.pipeline.upkeep.test_retention import case, rejected

NOW = hour_start(HOUR) + timedelta(days=1)
PARCEL = "My name is Jane, where is my parcel?"
COMMON = "How do I return an item that I do not like?"
LOG = [
    line(request_id="r-jane-1", user_id="user-jane", session_id="sess-jane", input_text=PARCEL),
    line(request_id="r-jane-2", user_id="user-jane", session_id="sess-jane", input_text=COMMON),
    line(request_id="r-before", session_id="sess-jane", input_text="Hello, I am not logged in."),
    line(request_id="r-joe-1", user_id="user-joe", session_id="sess-joe", input_text=COMMON),
    line(request_id="r-kiosk", user_id="user-jane", session_id="sess-kiosk", input_text="hi"),
    line(request_id="r-joe-2", user_id="user-joe", session_id="sess-kiosk", input_text="ho"),
]
HERS = {"r-jane-1", "r-jane-2", "r-before", "r-kiosk"}


@pytest.fixture
def product(tmp_path: Path) -> tuple[Lake, Settings]:
    """A lake in which Jane's requests have left traces everywhere, and her log."""
    path = tmp_path / "logs" / "log-2026-10-05T10"
    path.parent.mkdir()
    write(path, LOG)
    monitored = settings(tmp_path / "logs" / "log-{date}T{hour}")
    monitored = monitored.model_copy(
        update={
            "reports": tmp_path / "reports",
            "lake": monitored.lake.model_copy(update={"uri": str(tmp_path / "lake")}),
        }
    )
    lake = Lake(str(tmp_path / "lake"))
    ingest(lake, monitored)
    ids = [row.request_id for row in lake.rows("raw_requests")]
    hers = replace(signal("r-jane-1", "thumbs_down", HOUR), session_id="sess-jane")
    lake.append("user_signals", [hers, signal("r-joe-1", "thumbs_up", HOUR)])
    lake.append("sampled_requests", [sampled(each) for each in ids])
    lake.append("judgements", [judgement(each, 2, HOUR, reason=f"of {each}") for each in ids])
    lake.append("input_features", [described(each, "r-jane-1") for each in ids])
    lake.append("input_references", [reference(each) for each in ids])
    lake.append("window_metrics", [window(HOUR, 0.5, n=6)])
    lake.append("regression_cases", [case(each, HOUR) for each in ids])
    quoted = rejected("bad", HOUR)
    lake.append(
        "rejected_rows", [quoted, replace(quoted, line=2, excerpt='{"user_id": "user-jane"')]
    )
    items = tuple(item(each) for each in ids)
    triage = Triage(items=items, candidates=6, reading=f"6 of 6: {PARCEL}")
    lake.append("incidents", [replace(incident(), evidence=to_json(Evidence(triage=triage)))])
    return lake, monitored


def ingest(lake: Lake, monitored: Settings) -> Any:
    reading = read_requests(monitored, HOUR, HOUR, unwanted=forgetting.memory(lake))
    reading = forgetting.without_forgotten(lake, reading)
    lake.replace_hours("raw_requests", reading.rows, HOUR, HOUR)
    return reading


def sampled(request_id: str) -> SampledRequest:
    return SampledRequest(
        hour=HOUR, request_id=request_id, feature_id="f", model_id="m",
        inclusion_probability=1.0, salt="",
    )  # fmt: skip


def described(request_id: str, nearest: str) -> InputFeature:
    return InputFeature(
        hour=HOUR, request_id=request_id, feature_id="f", model_id="m", embedder="e",
        length_characters=3, language="en", language_expected=True, novelty_distance=0.1,
        novel=False, nearest_reference=nearest, centroid_similarity=None,
    )  # fmt: skip


def reference(request_id: str) -> InputReference:
    return InputReference(
        feature_id="f", embedder="e", request_id=request_id, hour=HOUR, split="reference",
        embedding=[0.0, 1.0], cut=0.5,
    )  # fmt: skip


def remove(lake: Lake, monitored: Settings, traces: Traces) -> list[str]:
    forgetting.remember(lake, traces, NOW)
    if traces.incidents:
        lake.upsert("incidents", traces.incidents)
    return forgetting.remove_traces(lake, traces) + forgetting.remove_requests(lake, traces)


def forget_jane(lake: Lake, monitored: Settings) -> Traces:
    traces = forgetting.find_traces(lake, monitored, users=["user-jane"])
    remove(lake, monitored, traces)
    forgetting.purge_tables(lake)
    return forgetting.without_common_words(lake, traces)


def test_her_requests_are_found_also_those_of_her_session_before_she_was_known(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    traces = forgetting.find_traces(lake, monitored, users=["user-jane"])
    assert set(traces.requests) == HERS
    assert traces.sessions == ("sess-jane",)  # the kiosk's is not hers alone
    assert traces.rows["judgements"] == 4
    assert len(traces.incidents) == len(traces.rejected) == 1
    assert {path.name for path in forgetting.logs_naming(monitored, traces)} == {
        "log-2026-10-05T10"
    }


def test_every_table_is_without_her_and_the_others_and_the_numbers_stay(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    forget_jane(lake, monitored)
    for name in ("raw_requests", "sampled_requests", "judgements", "input_features",
                 "input_references", "regression_cases"):  # fmt: skip
        assert {row.request_id for row in lake.rows(name)} == {"r-joe-1", "r-joe-2"}, name
    assert [row.request_id for row in lake.rows("user_signals")] == ["r-joe-1"]
    assert {row.nearest_reference for row in lake.rows("input_features")} == {None}
    assert [row.line for row in lake.rows("rejected_rows")] == [1]
    assert "jane" not in lake.rows("incidents")[0].evidence
    assert lake.rows("window_metrics")[0].n == 6


def test_no_file_of_the_lake_holds_her_afterwards(product: tuple[Lake, Settings]) -> None:
    lake, monitored = product
    before = forgetting.find_traces(lake, monitored, users=["user-jane"])
    assert len(forgetting.prove(lake, monitored, before).holding) == 9  # one of each table
    traces = forget_jane(lake, monitored)
    found = forgetting.prove(lake, monitored, traces)
    assert found.holding == ()
    assert found.files > 20
    assert traces.shared == 1  # Joe asked the same question


def test_a_report_or_a_dead_writers_file_that_still_holds_her_is_named(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    traces = forget_jane(lake, monitored)
    monitored.reports.mkdir()
    page = monitored.reports / "copy.html"
    page.write_text("<p>My name is Jane, where is my parcel?</p>")
    assert forgetting.prove(lake, monitored, traces).holding == (page,)


def test_a_log_that_is_read_again_brings_nothing_back(product: tuple[Lake, Settings]) -> None:
    lake, monitored = product
    traces = forget_jane(lake, monitored)
    reading = ingest(lake, monitored)
    assert {row.request_id for row in lake.rows("raw_requests")} == {"r-joe-1", "r-joe-2"}
    (read,) = reading.reads
    assert (read.loaded, read.forgotten) == (2, 4)
    assert forgetting.prove(lake, monitored, traces).holding == ()


def test_what_she_asks_later_stays_out_too_and_is_counted(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    forget_jane(lake, monitored)
    path = Path(monitored.sources.requests[0].path).parent / "log-2026-10-05T10"
    write(path, [*LOG, line(request_id="r-new", user_id="user-jane", input_text="again")])
    assert ingest(lake, monitored).reads[0].forgotten == 5


def test_her_later_requests_are_remembered_so_that_their_signals_stay_out(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    forget_jane(lake, monitored)
    path = Path(monitored.sources.requests[0].path).parent / "log-2026-10-05T10"
    write(path, [line(request_id="r-new", user_id="user-jane")])
    ingest(lake, monitored)
    reaction = signal("r-new", "correction", HOUR)
    columns = columns_of([reaction, signal("r-joe-1", "thumbs_up", HOUR)], UserSignal)
    reading = Reading(UserSignal, columns, ["hers", "his"], [], [], [], ())
    kept = forgetting.without_forgotten(lake, reading).rows
    assert [row.request_id for row in kept] == ["r-joe-1"]


def test_one_that_was_killed_on_the_way_is_finished_by_asking_again(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    traces = forgetting.find_traces(lake, monitored, users=["user-jane"])
    forgetting.remember(lake, traces, NOW)
    forgetting.remove_traces(lake, traces)
    again = forgetting.find_traces(lake, monitored, users=["user-jane"])
    assert again.requests == traces.requests
    assert again.words == traces.words
    assert again.incidents == traces.incidents
    forget_jane(lake, monitored)
    assert forgetting.prove(lake, monitored, traces).holding == ()


def test_forgetting_twice_changes_nothing_more(product: tuple[Lake, Settings]) -> None:
    lake, monitored = product
    forget_jane(lake, monitored)
    remembered = lake.rows("forgotten")
    traces = forgetting.find_traces(lake, monitored, users=["user-jane"])
    assert (traces.requests, traces.rows, traces.incidents) == ({}, {}, ())
    assert remove(lake, monitored, traces) == []
    assert lake.rows("forgotten") == remembered


def test_one_request_or_one_session_can_be_forgotten_alone(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    one = forgetting.find_traces(lake, monitored, requests=["r-jane-1"])
    assert set(one.requests) == {"r-jane-1"}
    session = forgetting.find_traces(lake, monitored, sessions=["sess-kiosk"])
    assert set(session.requests) == {"r-kiosk", "r-joe-2"}


def test_a_user_whose_id_is_stored_as_a_digest_is_found_by_the_id_of_the_logs(
    product: tuple[Lake, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, monitored = product
    monkeypatch.setenv("PRIVACY_KEY", "key")
    privacy = monitored.privacy.model_copy(update={"user_ids": "hash", "key_env": "PRIVACY_KEY"})
    monitored = monitored.model_copy(update={"privacy": privacy})
    ingest(lake, monitored)
    assert "user-jane" not in {row.user_id for row in lake.rows("raw_requests")}
    forget_jane(lake, monitored)
    assert ingest(lake, monitored).reads[0].forgotten == 4


STORED = {
    "keep": {},
    "hash": {"user_ids": "hash", "key_env": "PRIVACY_KEY"},
    "hash with another key": {"user_ids": "hash", "key_env": "OTHER_KEY"},
    "keep with a key": {"key_env": "OTHER_KEY"},
    "drop": {"user_ids": "drop"},
}


@pytest.mark.parametrize("later", STORED)
@pytest.mark.parametrize("before", ["keep", "hash", "keep with a key"])
def test_whoever_is_forgotten_stays_forgotten_however_ids_are_stored_later(
    product: tuple[Lake, Settings], monkeypatch: pytest.MonkeyPatch, before: str, later: str
) -> None:
    lake, monitored = product
    monkeypatch.setenv("PRIVACY_KEY", "key")
    monkeypatch.setenv("OTHER_KEY", "another")
    first, second = (
        monitored.model_copy(update={"privacy": PrivacySettings(**STORED[when])})
        for when in (before, later)
    )
    ingest(lake, first)
    forget_jane(lake, first)
    path = Path(monitored.sources.requests[0].path).parent / "log-2026-10-05T10"
    torn = rb'{"input_text": "My name is Jane", "user_id": "user\u002djane", "outp'
    wrong = line(latency_ms=-1, input_text=PARCEL * 99, user_id="user-jane")
    write(path, [*LOG, line(request_id="r-new", user_id="user-jane"), torn, wrong])
    reading = ingest(lake, second)
    assert {row.request_id for row in lake.rows("raw_requests")} == {"r-joe-1", "r-joe-2"}
    assert reading.reads[0].forgotten == 5
    assert [row.excerpt for row in reading.rejected] == ["", ""]
    # The signals of what she asked since name no user.
    assert forgetting.memory(lake).knows("request", "r-new")


def test_a_user_is_found_whether_her_id_was_stored_or_its_digest(
    product: tuple[Lake, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, monitored = product
    monkeypatch.setenv("PRIVACY_KEY", "key")
    hashing = PrivacySettings(user_ids="hash", key_env="PRIVACY_KEY")
    ingest(lake, monitored.model_copy(update={"privacy": hashing}))
    for stored_now in (hashing, PrivacySettings(key_env="PRIVACY_KEY")):
        now = monitored.model_copy(update={"privacy": stored_now})
        assert set(forgetting.find_traces(lake, now, users=["user-jane"]).requests) == HERS


def test_it_is_known_until_when_ids_were_hashed_with_another_key(
    product: tuple[Lake, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, monitored = product
    first, second = (
        monitored.model_copy(update={"privacy": PrivacySettings(user_ids="hash", key_env=name)})
        for name in ("PRIVACY_KEY", "OTHER_KEY")
    )
    monkeypatch.setenv("PRIVACY_KEY", "key")
    monkeypatch.setenv("OTHER_KEY", "another")
    days = [NOW + timedelta(days=day) for day in range(4)]
    forgetting.note_key(lake, monitored, NOW)
    assert lake.version("forgotten") is None
    for day in days[:3]:
        forgetting.note_key(lake, first, day)
    version = lake.version("forgotten")
    forgetting.note_key(lake, first, days[2] + timedelta(hours=1))
    assert lake.version("forgotten") == version
    assert forgetting.other_key_used(lake, first, days[3]) is None
    forgetting.note_key(lake, second, days[3])
    for now in (second, monitored):
        assert forgetting.other_key_used(lake, now, days[3]) is not None
    assert forgetting.other_key_used(lake, second, days[3]) == days[2]
    gone = days[3] + timedelta(days=monitored.retention.words_days + 1)
    assert forgetting.other_key_used(lake, second, gone) is None
    assert not forgetting.memory(lake)  # a key is nobody


def test_one_whose_id_was_a_digest_before_there_was_a_key_is_found(
    product: tuple[Lake, Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake, monitored = product
    monkeypatch.setenv("PRIVACY_KEY", "key")
    ruled = monitored.model_copy(update={"redaction": [Redaction(pattern="jane")]})
    ingest(lake, ruled)
    hashing = PrivacySettings(user_ids="hash", key_env="PRIVACY_KEY")
    now = ruled.model_copy(update={"privacy": hashing})
    assert len(forgetting.find_traces(lake, now, users=["user-jane"]).requests) == 4


def test_users_whose_ids_are_not_stored_cannot_be_asked_for(
    product: tuple[Lake, Settings],
) -> None:
    lake, monitored = product
    privacy = monitored.privacy.model_copy(update={"user_ids": "drop"})
    with pytest.raises(ValueError, match="name requests"):
        forgetting.find_traces(
            lake, monitored.model_copy(update={"privacy": privacy}), users=["user-jane"]
        )


def test_an_empty_lake_holds_nobody(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    monitored = settings(tmp_path / "log-{date}T{hour}")
    traces = forgetting.find_traces(lake, monitored, users=["user-jane"])
    assert remove(lake, monitored, traces) == []
    assert json.dumps(traces.requests) == "{}"
    assert read_signals(monitored, HOUR, HOUR).rows == []


@pytest.mark.parametrize("odd", ["", "o'hara\"; drop view x; --", "%", "\x00", "ü" * 300])
def test_an_odd_id_is_nobodys(product: tuple[Lake, Settings], odd: str) -> None:
    lake, monitored = product
    traces = forgetting.find_traces(lake, monitored, users=[odd], sessions=[odd], requests=[odd])
    assert not [hour for hour in traces.requests.values() if hour]
    assert traces.rows == {}
    remove(lake, monitored, traces)
    assert len(lake.rows("raw_requests")) == len(LOG)
