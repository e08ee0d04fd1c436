"""Requests and signals of a range of hours: what loads, what is rejected, filed and replaced."""

import json
import os
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import Reading, read_requests, read_signals
from llm_monitoring.hours import hour_range
from llm_monitoring.records import RejectedRow, Request
from llm_monitoring.settings.keeping import PrivacySettings, Redaction
from llm_monitoring_tests.adapters.source_examples import (
    HOUR,
    request,
    settings,
    shared,
    signal,
    write,
)


def read(path: Path, lines: list[Any], **more: Any) -> Reading[Request]:
    """One hour-stamped file of 10 o'clock."""
    write(path / "log-2026-10-05T10", lines, packed=more.pop("packed", False))
    return read_requests(settings(path / "log-{date}T{hour}", **more), HOUR, HOUR)


def reason(path: Path, line: dict[str, Any] | bytes) -> str:
    (rejected,) = read(path, [line]).rejected
    return rejected.reason


FULL = request(
    requested_model="gpt-4o",
    model_id="gpt-4o-2024-08-06",
    provider="openai",
    latency_ms=812.5,
    input_tokens=1000,
    output_tokens=200,
    cache_read_tokens=400,
    cache_write_tokens=0,
    reasoning_tokens=50,
    finish_reason="stop",
    error=None,
    session_id="s1",
    user_id="u1",
    prompt_version="v7",
    system_fingerprint="fp_1",
    input_text="Where is my tent?",
    output_text="On its way.",
    colour="a key nobody knows",
)


@pytest.mark.parametrize("packed", [False, True])
def test_a_full_line_becomes_a_priced_request(tmp_path: Path, packed: bool) -> None:
    reading = read(tmp_path, [FULL], packed=packed)
    (row,) = reading.rows
    assert row.hour == HOUR
    assert row.timestamp == datetime(2026, 10, 5, 10, tzinfo=UTC)
    assert row.finish_reason == "end_turn"
    assert row.cost_usd == pytest.approx(600 * 2.5e-6 + 400 * 1.25e-6 + 200 * 10e-6)
    assert row.price_version is not None
    assert row.source == "app"
    same = [name for name in FULL if name not in ("timestamp", "finish_reason", "colour")]
    assert {name: getattr(row, name) for name in same} == {name: FULL[name] for name in same}
    (counts,) = reading.reads
    assert (counts.loaded, counts.rejected, counts.unpriced, counts.skipped) == (1, 0, 0, 0)


def test_what_a_line_leaves_out_is_unknown(tmp_path: Path) -> None:
    (row,) = read(tmp_path, [request()]).rows
    known = {"hour", "request_id", "timestamp", "feature_id", "model_id", "source", "file"}
    assert {name for name in row.__slots__ if getattr(row, name) not in (None, {})} == known


def test_an_unknown_cost_is_counted_and_a_logged_one_is_kept(tmp_path: Path) -> None:
    reading = read(tmp_path, [request("a"), request("b", cost_usd=0.0)])
    assert [(row.cost_usd, row.price_version) for row in reading.rows] == [
        (None, None),
        (0.0, "log"),
    ]
    assert reading.reads[0].unpriced == 1


def test_an_empty_word_is_unknown_and_an_empty_answer_is_an_answer(tmp_path: Path) -> None:
    words = ("error", "finish_reason", "session_id", "provider", "requested_model")
    (row,) = read(tmp_path, [request(output_text="", **dict.fromkeys(words, ""))]).rows
    assert row.output_text == ""
    assert [getattr(row, word) for word in words] == [None] * len(words)


@pytest.mark.parametrize(
    ("word", "ours"),
    [
        ("stop", "end_turn"),
        ("end_turn", "end_turn"),
        ("STOP", "end_turn"),
        ("length", "max_tokens"),
        ("max_tokens", "max_tokens"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("tool_calls", "tool_use"),
        ("tool_use", "tool_use"),
        ("failed", "error"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_finish_reasons_are_mapped_and_unknown_ones_kept(
    tmp_path: Path, word: str, ours: str
) -> None:
    (row,) = read(tmp_path, [request(finish_reason=word)]).rows
    assert row.finish_reason == ours


@pytest.mark.parametrize(
    "at",
    [
        "2026-10-05T10:30:00Z",
        "2026-10-05 12:30:00.000000000+02:00",
        1791196200,
        1791196200.0,
        1791196200000,
        "1791196200",
    ],
)
def test_a_time_is_iso_with_a_zone_or_seconds_or_milliseconds(tmp_path: Path, at: object) -> None:
    (row,) = read(tmp_path, [request() | {"timestamp": at}]).rows
    assert row.timestamp == datetime(2026, 10, 5, 10, 30, tzinfo=UTC)
    assert row.timestamp.tzinfo is UTC


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"timestamp": "2026-10-05T10:00:00"}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"timestamp": 0}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"timestamp": "9999-12-31T23:59:59-14:00"}, "timestamp"),
        ({"timestamp": 1791196200000000000}, "timestamp"),
        ({"request_id": ""}, "request_id"),
        ({"request_id": "  "}, "request_id"),
        ({"request_id": 17}, "request_id"),
        ({"feature_id": ""}, "feature_id"),
        ({"model_id": None}, "model_id"),
        ({"input_tokens": -1}, "input_tokens"),
        ({"output_tokens": 1.5}, "output_tokens"),
        ({"output_tokens": "12"}, "output_tokens"),
        ({"output_tokens": True}, "output_tokens"),
        ({"output_tokens": 2**70}, "output_tokens"),
        ({"latency_ms": -0.1}, "latency_ms"),
        ({"latency_ms": float("nan")}, "latency_ms"),
        ({"cost_usd": float("inf")}, "cost_usd"),
        ({"cost_usd": -1}, "cost_usd"),
        ({"error": False}, "error"),
    ],
)
def test_a_wrong_value_is_rejected_and_its_field_is_named(
    tmp_path: Path, wrong: dict[str, Any], field: str
) -> None:
    reading = read(tmp_path, [request("before"), request() | wrong, request("after")])
    assert [row.request_id for row in reading.rows] == ["before", "after"]
    (rejected,) = reading.rejected
    assert rejected.reason.startswith(field)
    assert (rejected.hour, rejected.line, rejected.table) == (HOUR, 2, "raw_requests")
    assert rejected.file == str(tmp_path / "log-2026-10-05T10")
    assert reading.reads[0].rejected == 1


@pytest.mark.parametrize("field", ["request_id", "timestamp", "feature_id", "model_id"])
def test_a_missing_field_is_rejected(tmp_path: Path, field: str) -> None:
    line = request()
    del line[field]
    assert reason(tmp_path, line) == f"{field}: Field required"


@pytest.mark.parametrize(
    "line",
    [
        b"hello",
        b'{"request_id": "r1"',
        b'{"request_id": "\xff"}',
        b"\x00\x01",
        b"[1]",
        b"17",
        b"[" * 9999,
    ],
)
def test_what_is_not_a_json_object_is_rejected(tmp_path: Path, line: bytes) -> None:
    assert "JSON" in reason(tmp_path, line) or "object" in reason(tmp_path, line)


def test_short_names_of_four_fields_are_accepted(tmp_path: Path) -> None:
    line = {"request_id": "r1", "timestamp": "2026-10-05T10:00:00Z"}
    short = {"feature": "search", "model": "gpt-4o", "input": "hi", "output": "hello"}
    (row,) = read(tmp_path, [line | short]).rows
    assert (row.feature_id, row.model_id, row.input_text, row.output_text) == tuple(short.values())


def test_rows_before_the_damage_of_a_gzip_file_load(tmp_path: Path) -> None:
    path = write(
        tmp_path / "log-2026-10-05T10", [request(f"r{n:06d}") for n in range(30_000)], packed=True
    )
    path.write_bytes(path.read_bytes()[:-30])
    reading = read_requests(settings(tmp_path / "log-{date}T{hour}"), HOUR, HOUR)
    assert 29_000 < len(reading.rows) < 30_000
    (rejected,) = reading.rejected
    assert rejected.reason.startswith("gzip stream is damaged")
    assert rejected.line == len(reading.rows) + 1


# ------------------------------------------------------------------ hours


def test_a_late_row_belongs_to_its_own_hour(tmp_path: Path) -> None:
    write(tmp_path / "log-2026-10-05T10", [request("on time")])
    write(
        tmp_path / "log-2026-10-05T11",
        [request("late", "2026-10-05T10:59:59Z"), request("next", "2026-10-05T11:00:00Z")],
    )
    reading = read_requests(settings(tmp_path / "log-{date}T{hour}"), HOUR, HOUR)
    assert [row.request_id for row in reading.rows] == ["on time", "late"]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-10-05T03:10:00Z", "timestamp is 7 h before its file"),
        ("2026-10-05T11:00:00Z", "timestamp is 1 h after its file"),
        ("2014-12-31T23:59:59Z", "timestamp: before 2015"),
    ],
)
def test_a_row_in_a_file_that_cannot_hold_it_is_rejected_under_the_files_hour(
    tmp_path: Path, at: str, why: str
) -> None:
    (rejected,) = read(tmp_path, [request(at=at)]).rejected
    assert (rejected.reason, rejected.hour) == (why, HOUR)


def test_a_daily_file_holds_its_day_and_the_late_hours_before_it(tmp_path: Path) -> None:
    times = ["2026-10-04T22:59Z", "2026-10-04T23:00Z", "2026-10-05T23:59Z", "2026-10-06T00:00Z"]
    write(tmp_path / "2026-10-05", [request(at, at) for at in times])
    reading = read_requests(settings(tmp_path / "{date}"), 2026100400, 2026100623)
    assert [row.request_id for row in reading.rows] == times[1:3]
    assert [(row.hour, row.reason) for row in reading.rejected] == [
        (2026100500, "timestamp is 2 h before its file"),
        (2026100500, "timestamp is 1 h after its file"),
    ]


def test_a_rejected_row_with_a_time_that_fits_is_filed_under_it(tmp_path: Path) -> None:
    path = tmp_path / "log-{date}T{hour}"
    write(tmp_path / "log-2026-10-05T11", [request(at="2026-10-05T10:30:00Z", input_tokens=-1)])
    (rejected,) = read_requests(settings(path), HOUR, HOUR).rejected
    assert rejected.hour == HOUR
    assert read_requests(settings(path), HOUR + 1, HOUR + 1).rejected == []


def test_without_a_stamp_a_rejected_row_is_filed_with_its_nearest_readable_neighbour(
    tmp_path: Path,
) -> None:
    lines: list[Any] = [
        b"first",
        request("a", "2026-10-05T08:00Z"),
        b"second",
        request("b", "2026-10-07T09:00Z", latency_ms=-1),
        b"third",
        request("c", "2027-01-01T00:00Z"),
    ]
    reading = read_requests(settings(write(tmp_path / "log", lines)), 2026100100, 2026103123)
    assert [(row.line, row.hour) for row in reading.rejected] == [
        (1, 2026100508),
        (3, 2026100508),
        (4, 2026100709),
        (5, 2026100709),
        (6, 2026100709),
    ]
    assert "after 2026-11-02 00:00 UTC" in reading.rejected[-1].reason


@pytest.mark.parametrize(
    ("written", "hour"),
    [
        (datetime(2026, 10, 9, 7, 30, tzinfo=UTC), 2026100907),
        (datetime(2026, 1, 1, tzinfo=UTC), 2026100100),  # before the first monitored hour
        (datetime(2027, 1, 1, tzinfo=UTC), 2026103123),  # after the last
    ],
)
def test_a_file_without_any_time_is_filed_where_it_was_written_and_is_always_seen(
    tmp_path: Path, written: datetime, hour: int
) -> None:
    path = write(tmp_path / "log", [b"broken"])
    os.utime(path, (written.timestamp(), written.timestamp()))
    reading = read_requests(settings(path), 2026100100, 2026103123)
    assert [row.hour for row in reading.rejected] == [hour]


def test_without_an_end_nothing_can_have_happened_long_after_the_file_was_written(
    tmp_path: Path,
) -> None:
    path = write(tmp_path / "log", [request("a"), request("b", "2026-10-07T00:00Z")])
    written = datetime(2026, 10, 5, 11, tzinfo=UTC).timestamp()
    os.utime(path, (written, written))
    reading = read_requests(settings(path, end=None), 2026100500, 2026100823)
    assert [row.request_id for row in reading.rows] == ["a"]
    assert "the latest it can be" in reading.rejected[0].reason


def test_every_hour_of_the_range_has_a_count_also_without_any_file(tmp_path: Path) -> None:
    reading = read_requests(settings(tmp_path / "{date}T{hour}"), 2026100522, 2026100601)
    assert [counts.hour for counts in reading.reads] == [
        2026100522,
        2026100523,
        2026100600,
        2026100601,
    ]
    assert {counts.loaded + counts.rejected + counts.duplicates for counts in reading.reads} == {0}


# ------------------------------------------------------------- duplicates


def test_of_two_rows_with_one_id_the_later_wins_and_is_counted(tmp_path: Path) -> None:
    reading = read(tmp_path, [request(output_text="old"), request(output_text="new")])
    assert [row.output_text for row in reading.rows] == ["new"]
    assert (reading.reads[0].loaded, reading.reads[0].duplicates) == (1, 1)


def test_a_replayed_file_changes_nothing(tmp_path: Path) -> None:
    lines = [request(f"r{n}") for n in range(50)]
    once = read(tmp_path, lines)
    write(tmp_path / "log-2026-10-05T11", lines)
    twice = read_requests(settings(tmp_path / "log-{date}T{hour}"), HOUR, HOUR)
    later = str(tmp_path / "log-2026-10-05T11")  # of two rows with one id the later one wins
    assert twice.rows == [replace(row, file=later) for row in once.rows]
    assert twice.reads[0].duplicates == 50


def test_an_id_may_come_again_where_no_single_hour_would_see_both(tmp_path: Path) -> None:
    write(tmp_path / "log-2026-10-05T10", [request("a", "2026-10-05T10:00Z")])
    write(tmp_path / "log-2026-10-05T12", [request("a", "2026-10-05T12:00Z")])
    reading = read_requests(settings(tmp_path / "log-{date}T{hour}"), HOUR, HOUR + 2)
    assert [row.hour for row in reading.rows] == [HOUR, HOUR + 2]


def test_the_same_id_from_two_sources_is_one_request(tmp_path: Path) -> None:
    sources = [
        {"name": name, "path": str(write(tmp_path / name, [request(output_text=name)]))}
        for name in ("one", "two")
    ]
    both = settings(tmp_path / "x", sources={"requests": sources})
    reading = read_requests(both, HOUR, HOUR)
    assert [row.source for row in reading.rows] == ["two"]
    assert [(r.source, r.loaded, r.duplicates) for r in reading.reads] == [
        ("one", 0, 1),
        ("two", 1, 0),
    ]


LINES = st.one_of(
    st.builds(
        lambda name, minute, bad: request(
            name, f"2026-10-05T{9 + minute // 60:02d}:{minute % 60:02d}:00Z", input_tokens=-bad
        ),
        st.sampled_from("abcdef"),
        st.integers(0, 5 * 60),
        st.sampled_from([0, 0, 0, 1]),
    ),
    st.just(b"broken"),
)


@pytest.mark.parametrize("name", ["log-{date}T{hour}", "day-{date}", "all"])
@pytest.mark.parametrize("late_hours", [0, 1, 2])
@hypothesis_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(files=st.lists(st.lists(LINES, max_size=6), min_size=5, max_size=5))
def test_an_hour_comes_to_the_same_whatever_range_it_is_read_in(
    tmp_path: Path, name: str, late_hours: int, files: list[list[Any]]
) -> None:
    for hour, lines in enumerate(files, start=10):
        write(tmp_path / f"log-2026-10-05T{hour}", lines)
    everything = [line for lines in files for line in lines]
    path = write(tmp_path / "day-2026-10-05", everything)
    os.utime(write(tmp_path / "all", everything), (1791198000, 1791198000))
    assert path.exists()
    chosen = settings(tmp_path / name, late_hours=late_hours)
    whole = read_requests(chosen, 2026100500, 2026100523)
    rows: list[Request] = []
    rejected: list[RejectedRow] = []
    for hour in hour_range(2026100500, 2026100523):
        reading = read_requests(chosen, hour, hour)
        assert reading.reads == [counts for counts in whole.reads if counts.hour == hour]
        rows += reading.rows
        rejected += reading.rejected
    assert Counter(rows) == Counter(whole.rows)
    assert Counter(rejected) == Counter(whole.rejected)


@hypothesis_settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    lines=st.lists(
        st.one_of(
            st.binary(max_size=60).map(lambda line: line.replace(b"\n", b"")),
            st.recursive(
                st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
                lambda inner: (
                    st.lists(inner, max_size=3)
                    | st.dictionaries(st.sampled_from([*FULL]), inner, max_size=9)
                ),
                max_leaves=20,
            ).map(lambda value: json.dumps(value).encode()),
            st.dictionaries(
                st.sampled_from([*FULL]),
                st.none() | st.floats() | st.integers(-5, 10**20) | st.text(max_size=3),
            ).map(lambda some: json.dumps(request() | some).encode()),
        ),
        max_size=6,
    )
)
def test_every_line_that_is_not_blank_is_loaded_replaced_or_rejected_once(
    tmp_path: Path, lines: list[bytes]
) -> None:
    reading = read(tmp_path, [b"{}", *lines])  # a first line, so that two bytes are not gzip's
    (counts,) = reading.reads
    expected = 1 + sum(bool(line.rstrip(b" \t\r")) for line in lines)
    assert counts.loaded + counts.duplicates + counts.rejected == expected
    assert (counts.loaded, counts.rejected) == (len(reading.rows), len(reading.rejected))
    assert len({row.line for row in reading.rejected}) == len(reading.rejected)


# -------------------------------------------------------------- redaction


REDACTION = [{"pattern": r"[\w.]+@[\w.]+", "replacement": r"<\1 mail>"}, {"pattern": r"^secret.*"}]


def test_texts_are_redacted_before_they_leave(tmp_path: Path) -> None:
    line = request(input_text="I am jo@x.org", output_text="secret plan", error="no jo@x.org here")
    (row,) = read(tmp_path, [line], redaction=REDACTION).rows
    assert row.input_text == r"I am <\1 mail>"
    assert row.output_text == "[redacted]"
    assert row.error == r"no <\1 mail> here"


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(request(latency_ms=-1, input_text="mail jo@x.org")).encode(),
        rb'{"input_text": "mail jo\u0040x.org", "request_id": 3}',
        rb'{"input_text": "mail jo\u0040x.org", "request_id',
        b'{"input_text": "mail jo@x.org \xff"}',
        b'{"jo@x.org": 1}',
        b" " * 180 + b'"' + b"x" * 30 + b"@x.org",
    ],
)
def test_the_excerpt_is_redacted_before_it_is_cut(tmp_path: Path, raw: bytes) -> None:
    (rejected,) = read(tmp_path, [raw], redaction=REDACTION).rejected
    assert "jo" not in rejected.excerpt.replace("json", "")
    assert "@" not in rejected.excerpt
    assert "x.org" not in rejected.excerpt
    assert len(rejected.excerpt) <= 200


JANE = b'"user_id": "jane-4711", "session_id": "jane-4711"'
OTLP_IDS = json.dumps(
    [
        {"key": "langfuse.user.id", "value": {"stringValue": "jane-4711"}},
        {"key": "session.id", "value": {"arrayValue": {"values": [{"stringValue": "jane-4711"}]}}},
    ]
).encode()
REJECTED = {
    "a wrong value": b"{" + JANE + b', "latency_ms": -1}',
    "cut off": b"{" + JANE + b', "input_te',
    "cut off in an id": b"{" + JANE[:-4],
    "an escaped letter": rb'{"user_id": "j\u0061ne-4711", "session_id" : "jane\u002d4711", "x',
    "an attribute": b'{"user.id": "jane-4711", "langfuse.session.id": "jane-4711"}',
    "OTLP among JSON lines": b'{"attributes": ' + OTLP_IDS + b"}",
    "OTLP that is cut off": b'{"attributes": ' + OTLP_IDS[:-1],
    "ids deeper down": b'{"metadata": {' + JANE + b"}}",
    "ids in lists": b'{"user_id": ["jane-4711"], "session_id": {"a": ["jane-4711"]}}',
}


@pytest.mark.parametrize("raw", REJECTED.values(), ids=REJECTED)
@pytest.mark.parametrize("kind", ["jsonl", "otlp"])
def test_ids_in_an_excerpt_are_stored_as_in_rows_that_load(
    tmp_path: Path, raw: bytes, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVACY_KEY", "key")
    hashing: dict[str, Any] = {"user_ids": "hash", "key_env": "PRIVACY_KEY"}
    digest = Redactor([], PrivacySettings(**hashing)).user_id("jane-4711") or ""
    (hashed,) = read(tmp_path, [raw], kind=kind, privacy=hashing).rejected
    assert "jane" not in hashed.excerpt
    assert hashed.excerpt.count(digest[:10]) == 2 or raw == REJECTED["cut off in an id"]
    (dropped,) = read(tmp_path, [raw], kind=kind, privacy={"user_ids": "drop"}).rejected
    assert "jane" not in dropped.excerpt
    assert "id-" not in dropped.excerpt
    (kept,) = read(tmp_path, [raw], kind=kind).rejected
    assert "jane-4" in kept.excerpt


def test_a_number_as_id_is_hashed_in_an_excerpt_and_else_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVACY_KEY", "key")
    hashing = {"user_ids": "hash", "key_env": "PRIVACY_KEY"}
    for raw in (
        b'{"user_id": 4711, "session_id": null}',
        b'{"user_id": 4711, "session_id": null, ',
    ):
        (hashed,) = read(tmp_path, [raw], privacy=hashing).rejected
        assert "4711" not in hashed.excerpt
        assert '"session_id": null' in hashed.excerpt
        (kept,) = read(tmp_path, [raw]).rejected
        assert '"user_id": 4711, "session_id": null' in kept.excerpt


def test_an_id_in_which_a_rule_finds_something_is_a_digest_in_an_excerpt(tmp_path: Path) -> None:
    digest = Redactor([Redaction(preset="email")]).user_id("jo@x.org")
    for raw in (b'{"user_id": "jo@x.org"}', b'{"user_id": "jo@x.org"'):
        (rejected,) = read(tmp_path, [raw], redaction=[{"preset": "email"}]).rejected
        assert rejected.excerpt.startswith(f'{{"user_id": "{digest}"')


def test_a_reason_never_repeats_what_the_row_says(tmp_path: Path) -> None:
    line = request() | {"timestamp": "jo@x.org", "input_tokens": "jo@x.org", "error": ["jo@x.org"]}
    assert "jo" not in reason(tmp_path, line)


@pytest.mark.parametrize("raw", [b"[" + b"9" * 5000 + b"]", b'["\\ud800', b'{"a": NaN}'])
def test_an_excerpt_of_anything_can_be_stored(tmp_path: Path, raw: bytes) -> None:
    (rejected,) = read(tmp_path, [raw]).rejected
    rejected.excerpt.encode()


# ---------------------------------------------------------------- signals


def read_one(tmp_path: Path, *lines: dict[str, Any], **more: Any) -> Any:
    path = write(tmp_path / "log-2026-10-05T10", lines)
    del path
    return read_signals(
        settings(tmp_path / "log-{date}T{hour}", table="signals", **more), HOUR, HOUR
    )


def test_a_signal_keeps_its_metadata_redacted(tmp_path: Path) -> None:
    metadata = {"comment": "write to jo@x.org", "stars": 1, "tags": ["jo@x.org"]}
    (row,) = read_one(
        tmp_path, signal(session_id="s1", metadata=metadata), redaction=REDACTION
    ).rows
    assert (row.signal_type, row.session_id, row.hour) == ("thumbs_up", "s1", HOUR)
    assert json.loads(row.metadata) == {
        "comment": r"write to <\1 mail>",
        "stars": 1,
        "tags": [r"<\1 mail>"],
    }


def test_a_signal_is_known_by_request_kind_and_time(tmp_path: Path) -> None:
    reading = read_one(
        tmp_path,
        signal(metadata={"n": 1}),
        signal(metadata={"n": 2}),
        signal(signal_type="correction"),
        signal(at="2026-10-05T10:00:01Z"),
        signal("r2"),
    )
    assert [json.loads(row.metadata) for row in reading.rows] == [{"n": 2}, {}, {}, {}]
    assert reading.reads[0].duplicates == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [({"signal_type": "shrug"}, "signal_type"), ({"metadata": "text"}, "metadata")],
)
def test_a_wrong_signal_is_rejected(tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
    (rejected,) = read_one(tmp_path, signal() | wrong).rejected
    assert rejected.reason.startswith(field)
    assert rejected.table == "user_signals"


def test_metadata_that_is_no_json_number_is_stored_as_json(tmp_path: Path) -> None:
    (row,) = read_one(tmp_path, signal(metadata={"x": float("nan"), "y": 10**30})).rows
    assert json.loads(row.metadata)["x"] is None


# -------------------------------------------------------------- real data


def test_the_azure_trace_loads_to_the_last_row(tmp_path: Path) -> None:
    lines = []
    for file, feature in (("conv_2023.csv", "conversation"), ("code_2023.csv", "code")):
        rows = shared(f"traffic/{file}").read_text().splitlines()[1:]
        for n, (at, tokens_in, tokens_out) in enumerate(row.split(",")[:3] for row in rows):
            lines.append(
                request(
                    f"{feature}-{n}",
                    f"{at[:26].replace(' ', 'T')}Z",
                    feature_id=feature,
                    input_tokens=int(tokens_in),
                    output_tokens=int(tokens_out),
                )
            )
    path = write(tmp_path / "azure.jsonl", lines, packed=True)
    chosen = settings(path, start="2023-11-01T00:00Z", end="2023-12-01T00:00Z")
    reading = read_requests(chosen, 2023111600, 2023111623)
    assert (len(reading.rows), reading.rejected) == (len(lines), [])
    assert len(lines) > 28_000
    assert sum(row.input_tokens or 0 for row in reading.rows) == sum(
        line["input_tokens"] for line in lines
    )
