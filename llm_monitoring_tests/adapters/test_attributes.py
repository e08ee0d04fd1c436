"""The attributes of a request: which are taken, as what they are stored, what their bounds are."""

import json
from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.adapters.sources import Reading, read_requests
from llm_monitoring.records import Request
from llm_monitoring_tests.adapters.source_examples import HOUR, request, settings, write
from llm_monitoring_tests.adapters.test_otlp import CHAT, export, pairs, span


def read(path: Path, *lines: dict[str, Any], **more: Any) -> Reading[Request]:
    """One file, read for its hour."""
    write(path / "log-2026-10-05T10", lines)
    return read_requests(settings(path / "log-{date}T{hour}", **more), HOUR, HOUR)


def stored(path: Path, attributes: Any, **more: Any) -> dict[str, str]:
    """What becomes of the map of a line."""
    (row,) = read(path, request(attributes=attributes), **more).rows
    return row.attributes


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("returns", "returns"),
        (" two words ", " two words "),
        (42, "42"),
        (1.5, "1.5"),
        (True, "true"),
        (False, "false"),
        ({"b": [1, None], "a": "é"}, '{"b":[1,null],"a":"é"}'),
        (["eu", 1], '["eu",1]'),
        ("null", "null"),
    ],
)
def test_a_value_that_is_no_text_is_stored_as_json(tmp_path: Path, value: Any, text: str) -> None:
    assert stored(tmp_path, {"category": value}) == {"category": text}


@pytest.mark.parametrize("value", [None, "", float("nan"), float("inf")])
def test_an_unknown_value_is_left_out_and_not_counted(tmp_path: Path, value: Any) -> None:
    reading = read(tmp_path, request(attributes={"category": value, "tenant": "acme"}))
    assert reading.rows[0].attributes == {"tenant": "acme"}
    assert reading.reads[0].attributes_cut == 0


@pytest.mark.parametrize("line", [{}, {"attributes": None}, {"attributes": {}}])
def test_a_line_without_attributes_has_none(tmp_path: Path, line: dict[str, Any]) -> None:
    (row,) = read(tmp_path, request() | line).rows
    assert row.attributes == {}


@pytest.mark.parametrize("wrong", ["returns", 1, ["returns"], True])
def test_attributes_that_are_no_object_are_rejected(tmp_path: Path, wrong: Any) -> None:
    (rejected,) = read(tmp_path, request(attributes=wrong)).rejected
    assert rejected.reason.startswith("attributes: Input should be an object")


def test_what_passes_a_bound_is_cut_and_counted_and_the_row_is_kept(tmp_path: Path) -> None:
    many = {f"a{n}": n for n in range(70)}
    long = {"text": "x" * 300, "k" * 257: "v", "": "v", "k" * 256: "x" * 256}
    reading = read(
        tmp_path, request("many", attributes=many), request("long", attributes=long), request("no")
    )
    first, second, _ = reading.rows
    assert list(first.attributes) == [f"a{n}" for n in range(64)]
    assert second.attributes == {"text": "x" * 256, "k" * 256: "x" * 256}
    (counts,) = reading.reads
    assert (counts.loaded, counts.rejected, counts.attributes_cut) == (3, 0, 6 + 3)


def test_a_number_of_any_length_is_stored(tmp_path: Path) -> None:
    assert stored(tmp_path, {"n": 10**18}) == {"n": str(10**18)}
    assert stored(tmp_path, {"n": 10**4200})["n"].startswith("0x")


# ----------------------------------------------------------- the source's setting


def test_keys_of_a_line_become_attributes_where_the_source_asks(tmp_path: Path) -> None:
    line = request(tenant="acme", plan={"tier": 2}, provider="openai", attributes={"a": 1})
    (row,) = read(tmp_path, line, attributes=["tenant", "plan", "provider", "absent"]).rows
    expected = {"a": "1", "tenant": "acme", "plan": '{"tier":2}', "provider": "openai"}
    assert row.attributes == expected


def test_a_key_may_be_given_another_name_and_wins_over_the_map(tmp_path: Path) -> None:
    lines = [
        request("both", org="acme", attributes={"tenant": "other"}),
        request("map", org=None, attributes={"tenant": "other"}),
    ]
    rows = read(tmp_path, *lines, attributes={"tenant": "org"}).rows
    assert [row.attributes for row in rows] == [{"tenant": "acme"}, {"tenant": "other"}]


def test_a_source_that_asks_for_keys_rejects_as_any_other(tmp_path: Path) -> None:
    line = request(tenant="acme", latency_ms=-1)
    (rejected,) = read(tmp_path, line, attributes=["tenant"]).rejected
    assert rejected.reason.startswith("latency_ms")


def test_spans_give_the_attributes_the_source_asks_for(tmp_path: Path) -> None:
    document = export(span(CHAT | {"tenant.id": "acme", "user.tier": 3, "other": "no"}))
    resource = document["resourceSpans"][0]["resource"]
    resource["attributes"] += pairs({"tenant.id": "of the resource", "region": "eu"})
    asked = {"attributes": ["tenant.id", "region", "absent"], "kind": "otlp"}
    (row,) = read(tmp_path, document, **asked).rows
    assert row.attributes == {"tenant.id": "acme", "region": "eu"}
    (row,) = read(tmp_path, document, kind="otlp", attributes={"tier": "user.tier"}).rows
    assert row.attributes == {"tier": "3"}
    (row,) = read(tmp_path, document, kind="otlp").rows
    assert row.attributes == {}


# -------------------------------------------------------------------- privacy


def test_attributes_are_redacted_as_texts_are(tmp_path: Path) -> None:
    logged = {
        "contact": "jo@x.org",
        "deep": {"to": ["jo@x.org"]},
        "al@x.org": "v",
        "card": 4111111111111111,
    }
    rules = [{"preset": "email"}, {"preset": "card"}]
    assert stored(tmp_path, logged, redaction=rules) == {
        "contact": "[email]", "deep": '{"to":["[email]"]}', "[email]": "v", "card": "[card]"
    }  # fmt: skip


def test_ids_of_users_are_stored_as_privacy_says_under_whatever_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PRIVACY_KEY", "key")
    hashing = {"user_ids": "hash", "key_env": "PRIVACY_KEY"}
    line = request(user_id="jane", attributes={"user_id": "jane", "category": "returns"})
    asked = {"attributes": {"customer": "user_id"}}
    (row,) = read(tmp_path, line, privacy=hashing, **asked).rows
    assert row.user_id is not None
    assert row.user_id.startswith("id-")
    assert row.attributes == {
        "user_id": row.user_id, "customer": row.user_id, "category": "returns"
    }  # fmt: skip
    (row,) = read(tmp_path, line, privacy={"user_ids": "drop"}, **asked).rows
    assert row.attributes == {"category": "returns"}
    (row,) = read(tmp_path, line, **asked).rows
    assert row.attributes["customer"] == "jane"


def test_a_digest_is_of_the_id_and_not_of_what_a_rule_leaves_of_it(tmp_path: Path) -> None:
    line = request(user_id="jo@x.org", attributes={"user_id": "jo@x.org"})
    (row,) = read(tmp_path, line, redaction=[{"preset": "email"}]).rows
    assert row.attributes == {"user_id": row.user_id}
    assert row.user_id == Redactor([]).digest("jo@x.org")


def test_the_excerpt_of_a_rejected_line_has_its_attributes_redacted(tmp_path: Path) -> None:
    line = request(latency_ms=-1, attributes={"contact": "jo@x.org"})
    (rejected,) = read(tmp_path, line, redaction=[{"preset": "email"}]).rejected
    assert json.loads(rejected.excerpt)["attributes"] == {"contact": "[email]"}
