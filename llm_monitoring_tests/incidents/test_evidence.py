import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_monitoring.hours import HOUR
from llm_monitoring.incidents.evidence import Evidence, Material, from_json, to_json
from llm_monitoring.incidents.investigate import investigate, title
from llm_monitoring.incidents.measures import MEASURES, NEAREST
from llm_monitoring.incidents.scope import DIMENSIONS, scope
from llm_monitoring.incidents.steps import open_incident
from llm_monitoring.incidents.triage import triage
from llm_monitoring.metrics import METRICS
from llm_monitoring.records import Alert, Change, Request
from llm_monitoring.segments import segment_of
from llm_monitoring_tests.incidents.examples import (
    CHANGE,
    NOW,
    alert,
    change,
    inputs,
    judgement,
    request,
    stream,
)

BEFORE = stream(CHANGE - timedelta(days=1), 8, 20)
RECENT = stream(CHANGE - timedelta(hours=16), 16, 5)
AFTER = stream(CHANGE, 8, 20, system_fingerprint="fp_b")


def judged(requests: list[Request], low: float, share: float = 1.0) -> Material:
    """Quality is `low` for a share of the requests and 4 for the others."""
    windows = len({r.hour for r in requests})
    values = [low if i % 10 < 10 * share else 4.0 for i in range(len(requests))]
    return Material(
        windows=windows,
        requests=requests,
        judgements=[judgement(r, v) for r, v in zip(requests, values, strict=True)],
        inputs=[inputs(r) for r in requests],
    )


def swap(changes: list[Change] | None = None, alerts: list[Alert] | None = None) -> Evidence:
    alerts = alerts or [alert("a")]
    opened = open_incident(alerts, set(), NOW)
    return investigate(
        opened, alerts, before=judged(BEFORE, 4.0), after=judged(AFTER, 1.5, 0.4),
        changes=changes or [], recent=RECENT,
    )  # fmt: skip


def test_evidence_survives_the_lake() -> None:
    evidence = swap([change("c", CHANGE - HOUR)])
    assert from_json(to_json(evidence)) == evidence
    assert from_json("{}") == from_json("") == Evidence()


def test_triage_shows_twenty_flagged_responses_spread_over_the_windows() -> None:
    found = swap().triage
    assert found is not None
    assert len(found.items) == 20
    assert found.candidates == 64
    assert {i.hour for i in found.items} == {r.hour for r in AFTER}
    assert all(i.failing and i.why == "flagged by heuristic" for i in found.items)
    assert "20 of 20: refusal." in found.reading
    assert "20 of 20 score 2 or less on correctness." in found.reading
    assert found.reading.endswith("This is an automatic reading; the verdict is a person's.")


@given(seed=st.integers(0, 1000))
@settings(max_examples=15)
def test_triage_is_the_same_whatever_the_order_of_the_records(seed: int) -> None:
    material = judged(AFTER, 1.5, 0.4)
    shuffle = random.Random(seed)
    mixed = Material(
        windows=8,
        requests=shuffle.sample(AFTER, len(AFTER)),
        judgements=shuffle.sample(list(material.judgements), len(material.judgements)),
        inputs=material.inputs,
    )
    assert triage(mixed, [alert("a")]) == triage(material, [alert("a")])


def test_triage_takes_the_worst_of_each_window_first() -> None:
    requests = stream(CHANGE, 2, 30)
    scores = [1.0 if i % 30 < 3 else 2.0 for i in range(60)]
    material = Material(
        windows=2,
        requests=requests,
        judgements=[judgement(r, s) for r, s in zip(requests, scores, strict=True)],
    )
    items = triage(material, [alert("a")], 8).items
    assert [i.quality_mean for i in items] == [1.0] * 6 + [2.0] * 2


def test_failed_requests_are_for_review_and_their_error_is_the_reason() -> None:
    requests = stream(CHANGE, 2, 5, error="timeout", output_text=None)
    failing = alert("a", layer="infrastructure", metric="error_rate")
    items = triage(Material(windows=2, requests=requests), [failing]).items
    assert len(items) == 10
    assert (items[0].why, items[0].reason, items[0].judge) == ("failed: timeout", "timeout", None)


def test_an_input_incident_shows_the_unexpected_queries_flagged_or_not() -> None:
    requests = stream(CHANGE, 2, 10)
    german = {r.request_id for r in requests[::4]}
    rows = [inputs(r, "de" if r.request_id in german else "en") for r in requests]
    flagged = [judgement(r, 1.5) for r in requests[:2]]  # the first is German, the second not
    material = Material(windows=2, requests=requests, inputs=rows, judgements=flagged)
    shifted = alert("l", layer="inputs", metric="unexpected_language_rate", severity="ticket")
    items = triage(material, [shifted]).items
    assert {i.request_id for i in items} == german
    assert [i.why for i in items if i.failing] == ["flagged by heuristic; unexpected language: de"]
    # Where the quality fell too, only flagged answers are shown, those to new queries first.
    assert [i.language for i in triage(material, [shifted, alert("q")], 1).items] == ["de"]
    assert len(triage(material, [shifted, alert("q")]).items) == 2


def test_the_few_requests_that_always_fail_do_not_hide_what_went_wrong() -> None:
    requests = [
        request(
            f"r{i}", CHANGE, cost_usd=i / 1000, error="timeout" if i % 10 == 0 else None,
            finish_reason="refusal" if i % 10 == 1 else "end_turn",
        )
        for i in range(100)
    ]  # fmt: skip
    judged = [judgement(r, 1.5 if i % 10 == 2 else 4.0) for i, r in enumerate(requests)]
    judged[7] = judgement(requests[7], 4.0, flagged=None, quality_mean=None, reason=None,
                          unscored_reason="unavailable: no reply")  # fmt: skip
    material = Material(windows=1, requests=requests, judgements=judged)

    def shown(**fields: Any) -> set[str]:
        return {item.why for item in triage(material, [alert("a", **fields)]).items}

    assert shown() == {"flagged by heuristic"}
    assert shown(layer="cost", metric="total_cost_usd") == {"among the costliest"}
    assert shown(layer="infrastructure", metric="refusal_rate") == {"refused"}
    assert shown(layer="infrastructure", metric="latency_p95_ms") == {"among the slowest"}
    assert shown(metric="unscored_rate") == {"unscored: unavailable: no reply"}
    assert shown(layer="infrastructure", metric="error_rate") == {
        "failed: timeout", "flagged by heuristic",
    }  # fmt: skip
    costly = triage(material, [alert("a", layer="cost", metric="total_cost_usd")]).items
    assert {i.request_id for i in costly} == {f"r{i}" for i in range(80, 100)}


def german_arrivals() -> tuple[Material, Material]:
    """A fifth of the incident's queries are German and get bad answers; the others are served."""
    new = [i % 5 == 0 for i in range(len(AFTER))]
    requests = stream(CHANGE, 8, 20)
    after = Material(
        windows=8,
        requests=requests,
        judgements=[judgement(r, 1.5 if n else 4.0) for r, n in zip(requests, new, strict=True)],
        inputs=[inputs(r, "de" if n else "en") for r, n in zip(requests, new, strict=True)],
    )
    return judged(BEFORE, 4.0), after


def test_scope_names_the_language_that_explains_the_fall() -> None:
    found = scope("quality_mean", *german_arrivals())
    assert found.confined_to == ("language", "de")
    assert found.reading == "All of it is in language de (20% of the rows, 0% before)."
    german = found.segments[0]
    assert (german.before, german.after, german.n_before, german.n_after) == (None, 1.5, 0, 32)
    assert german.test == "Fisher on share"
    assert german.p_adjusted is not None
    assert german.p_adjusted < 1e-6


def test_scope_says_when_everyone_is_affected_alike() -> None:
    found = swap().scope
    assert found is not None
    assert found.confined_to is None
    assert "It coincides with system_fingerprint fp_b, which is new." in found.reading
    assert (found.before, found.after) == (4.0, pytest.approx(3.0))


@given(
    values=st.lists(
        st.tuples(
            st.floats(1, 5), st.sampled_from(["en", "de", "fr"]), st.sampled_from("ab"),
            st.booleans(),
        ),
        min_size=2, max_size=60,
    )
)  # fmt: skip
@settings(max_examples=40, deadline=None)
def test_the_segments_of_a_dimension_sum_to_the_change(
    values: list[tuple[float, str, str, bool]],
) -> None:
    sides: tuple[list[tuple[float, str, str]], ...] = ([], [])
    for value, language, model, is_after in [
        (3.0, "en", "a", False),
        (3.0, "en", "a", True),
        *values,
    ]:
        sides[is_after].append((value, language, model))
    materials = []
    for side in sides:
        requests = [request(f"r{i}", CHANGE, model_id=row[2]) for i, row in enumerate(side)]
        pairs = list(zip(requests, side, strict=True))
        materials.append(
            Material(
                windows=3,
                requests=requests,
                judgements=[judgement(r, row[0]) for r, row in pairs],
                inputs=[inputs(r, row[1]) for r, row in pairs],
            )
        )
    for metric in ("quality_mean", "request_count", "flag_rate"):
        found = scope(metric, *materials)
        change_of = (found.after or 0) - (found.before or 0)
        for dimension in DIMENSIONS:
            parts = [s.contribution for s in found.segments if s.dimension == dimension]
            assert np.isclose(sum(parts), change_of, atol=1e-9)


def test_a_segment_contributes_what_it_gained_less_what_it_had() -> None:
    def material(scores: dict[str, list[float]]) -> Material:
        pairs = [
            (request(f"{model}{i}", CHANGE, model_id=model), score)
            for model, values in scores.items()
            for i, score in enumerate(values)
        ]
        judged = [judgement(r, score) for r, score in pairs]
        return Material(windows=1, requests=[r for r, _ in pairs], judgements=judged)

    # Before: a 1/4 of the rows at 5, the mean of all is 3.5. After: a 1/2 of them at 4.
    found = scope(
        "quality_mean",
        material({"a": [5.0] * 20, "b": [3.0] * 60}),
        material({"a": [4.0] * 40, "b": [2.0] * 40}),
    )
    parts = {s.name: s.contribution for s in found.segments if s.dimension == "model"}
    # a gained 1/2 (4 - 3.5) = .25 and had 1/4 (5 - 3.5) = .375; b -.75 and -.375.
    assert parts == {"a": pytest.approx(-0.125), "b": pytest.approx(-0.375)}
    assert (found.before, found.after) == (3.5, 3.0)


def test_an_empty_period_is_said_and_not_compared() -> None:
    found = scope("error_rate", judged(BEFORE, 4.0), Material(windows=4, requests=[]))
    assert (found.after, found.n_after, found.confined_to) == (None, 0, None)
    assert "no rows" in found.reading


def test_every_charted_metric_can_be_scoped() -> None:
    names = [m.name for m in METRICS]
    assert [n for n in names if n not in MEASURES and n not in NEAREST] == []


def test_a_silent_provider_swap_is_named_though_the_ledger_is_silent() -> None:
    alerts = [alert("a")]
    evidence = swap()
    top = evidence.suspects[0]
    assert (top.kind, top.in_ledger, top.at) == ("provider", False, CHANGE)
    assert top.description == "support_chat: system fingerprint fp_a -> fp_b"
    assert evidence.responses[0].action == "pin the model"
    assert title(open_incident(alerts, set(), NOW), alerts, evidence) == (
        "Quality of support_chat fell: mean 4.0 -> 3.0 since Tue 20 Oct 10:00 UTC; "
        "the provider changed"
    )


def test_what_only_a_category_shows_is_scoped_and_told_within_it() -> None:
    """Returns got worse while better orders became most of the traffic."""

    def side(start: datetime, returns: int, orders: int, score: float) -> Material:
        rows = [
            (each, mean)
            for category, count, mean in (("returns", returns, score), ("orders", orders, 4.5))
            for each in stream(start, 8, count, attributes={"category": category, "city": category})
        ]
        rows = [(replace(r, request_id=f"{r.request_id}-{m}"), m) for r, m in rows]
        return Material(
            windows=8,
            requests=[each for each, _ in rows],
            judgements=[judgement(each, mean) for each, mean in rows],
        )

    alerts = [alert("a", segment=segment_of({"category": "returns"}))]
    before, after = side(CHANGE - timedelta(days=7), 10, 10, 3.5), side(CHANGE, 5, 30, 2.0)
    opened = open_incident(alerts, set(), NOW)
    evidence = investigate(
        opened, alerts, before=before, after=after, changes=[], attributes=["category", "city"]
    )
    found = evidence.scope
    assert found is not None
    assert (found.before, found.after, found.n_before, found.n_after) == (3.5, 2.0, 80, 40)
    assert {s.name for s in found.segments if s.dimension == "city"} == {"returns"}
    assert {item.quality_mean for item in evidence.triage.items} == {2.0}
    told = title(opened, alerts, evidence)
    assert told.startswith("Quality of support_chat with category returns fell: mean 3.5 -> 2.0")
    whole = alert("b")
    both = investigate(opened, [*alerts, whole], before=before, after=after, changes=[])
    assert both.scope is not None
    assert both.scope.n_after == 8 * 35


def test_a_title_of_several_features_names_the_model_they_share() -> None:
    failed = [
        alert(name, feature_id=name, layer="infrastructure", metric="error_rate", direction="up")
        for name in ("a", "b", "c")
    ]
    late = alert("late", feature_id="d", metric="latency_p95_ms", layer="infrastructure")
    before = Material(windows=1, requests=stream(CHANGE - timedelta(days=7), 1, 40))
    after = Material(windows=1, requests=stream(CHANGE, 1, 40, error="HTTP 503"))
    opened = open_incident([*failed, late], set(), NOW)
    evidence = investigate(opened, [*failed, late], before=before, after=after, changes=[])

    def named(*models: str) -> str:
        return title(opened, [*failed, late], evidence, models).partition(" since")[0]

    assert named("lark", "lark-2026-05-01") == "Error rate of 3 features on lark rose: 0.0% -> 100%"
    assert named("lark", "wren") == named() == "Error rate of 3 features rose: 0.0% -> 100%"


def test_the_nearest_fitting_ledger_entry_leads_its_neighbours() -> None:
    changes = [
        change("far", CHANGE - 30 * HOUR),
        change("near", CHANGE - HOUR, kind="prompt"),
        change("elsewhere", CHANGE, feature_id="order_summary"),
        change("price", CHANGE, kind="price"),
        change("too old", CHANGE - 60 * HOUR),
        change("an effect", CHANGE + 10 * HOUR),
    ]
    found = [s.change_id for s in swap(changes).suspects if s.in_ledger]
    assert found[0] == "near"
    assert set(found) == {"near", "far", "elsewhere", "price"}


def test_what_the_requests_show_and_the_ledger_tells_is_one_suspect() -> None:
    listed = change("swap", CHANGE - HOUR, kind="model", feature_id=None, model_id="lark-2")
    found = swap([listed]).suspects
    assert [(s.change_id, s.kind) for s in found] == [("swap", "model")]
    assert any("the records show it" in reason for reason in found[0].reasons)


def test_a_deployment_at_the_same_hour_does_not_hide_a_fingerprint_change() -> None:
    found = swap([change("decoy", CHANGE - HOUR)]).suspects
    assert {s.kind for s in found} == {"provider", "deployment"}
    assert found[0].kind == "provider"


def test_a_new_language_is_a_suspect_and_the_response_serves_it() -> None:
    before, after = german_arrivals()
    alerts = [alert("a", layer="inputs", metric="unexpected_language_rate", direction="up")]
    opened = open_incident(alerts, set(), NOW)
    evidence = investigate(opened, alerts, before=before, after=after, changes=[])
    assert evidence.suspects[0].kind == "users"
    assert "language de is 20% of queries, 0% before" in evidence.suspects[0].description
    assert evidence.responses[0].action == "serve the new users"
    assert title(opened, alerts, evidence) == (
        "Unexpected languages of support_chat rose: 0.0% -> 20% since Tue 20 Oct 10:00 UTC; "
        "new users arrived (language de)"
    )


def test_a_few_queries_in_a_new_language_are_told_where_many_were_seen_before() -> None:
    requests = stream(CHANGE, 1, 40)
    rows = [inputs(r, "de" if i < 5 else "en") for i, r in enumerate(requests)]
    after = Material(windows=1, requests=requests, inputs=rows)
    alerts = [alert("a", layer="inputs", metric="unexpected_language_rate", direction="up")]
    opened = open_incident(alerts, set(), NOW)
    same_hour = stream(CHANGE - timedelta(days=7), 1, 40)
    week = stream(CHANGE - timedelta(days=7), 20, 40)
    for seen, kinds in ((same_hour, []), (week, ["users"])):
        before = Material(windows=1, requests=same_hour, inputs=[inputs(r) for r in seen])
        evidence = investigate(opened, alerts, before=before, after=after, changes=[])
        assert [s.kind for s in evidence.suspects] == kinds
    assert title(opened, alerts, evidence).endswith("; new users arrived (language de)")


def test_of_a_faint_suspect_nothing_is_made() -> None:
    alerts = [alert("a", layer="inputs", metric="unexpected_language_rate", direction="up")]
    faint = change("prices", CHANGE - 20 * HOUR, kind="price")
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=judged(BEFORE, 4.0),
        after=judged(stream(CHANGE, 8, 20), 4.0), changes=[faint],
    )  # fmt: skip
    assert [s.change_id for s in evidence.suspects] == ["prices"]
    assert [r.action for r in evidence.responses] == ["investigate"]


def test_growing_errors_and_limits_are_told_apart() -> None:
    before = Material(windows=8, requests=BEFORE)
    alerts = [alert("a", layer="infrastructure", metric="error_rate", direction="up")]
    opened = open_incident(alerts, set(), NOW)
    for error, action in (("rate_limit_error", "raise the rate limits"), ("timeout", "route away")):
        failing = stream(CHANGE, 8, 4, error=error, output_text=None)
        rest = stream(CHANGE + timedelta(minutes=20), 8, 16)
        after = Material(windows=8, requests=failing + rest)
        evidence = investigate(opened, alerts, before=before, after=after, changes=[])
        assert evidence.responses[0].action == action


def test_a_judge_that_stops_answering_is_suspected_before_the_product() -> None:
    before, after = judged(BEFORE, 4.0), judged(AFTER[:], 4.0)
    lost = [
        judgement(r, 4.0, quality_score=None, quality_mean=None, flagged=None,
                  unscored_reason="timeout")
        for r in after.requests
    ]  # fmt: skip
    alerts = [alert("a", metric="unscored_rate", direction="up")]
    silent = Material(windows=8, requests=stream(CHANGE, 8, 20), judgements=lost)
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=before, after=silent, changes=[]
    )
    assert evidence.suspects[0].kind == "judge"
    assert evidence.suspects[0].description == "judge leaves 100% unscored, mostly: timeout"


def test_failed_requests_that_could_not_be_judged_are_not_the_judges_failure() -> None:
    failing = stream(CHANGE, 2, 9, error="server_error", output_text=None)
    after = Material(
        windows=8,
        requests=[*failing, *stream(CHANGE + HOUR, 1, 22)],
        judgements=[
            judgement(r, 4.0, quality_score=None, quality_mean=None, flagged=None,
                      unscored_reason="no_answer: request failed (server_error)")
            for r in failing
        ],
    )  # fmt: skip
    alerts = [
        alert("a", layer="infrastructure", metric="error_rate", direction="up"),
        alert("b", metric="unscored_rate", direction="up", severity="ticket"),
        alert("c", layer="data", metric="judge_coverage", severity="ticket"),
        alert("d", layer="data", metric="missing_windows", direction="down"),
    ]
    opened = open_incident(alerts, set(), NOW)
    evidence = investigate(opened, alerts, before=judged(BEFORE, 4.0), after=after, changes=[])
    assert [s.kind for s in evidence.suspects] == ["errors", "silence"]
    assert evidence.suspects[0].description == (
        "support_chat: more requests fail with server_error (0.0% -> 45.0%)"
    )
    assert evidence.suspects[1].description == (
        "support_chat: 20 -> 5 requests an hour, none in 6 of 8 hours"
    )
    assert [r.action for r in evidence.responses] == ["route away", "bring the requests back"]
    assert title(opened, alerts, evidence).endswith("; no change explains it yet")


def test_errors_of_several_kinds_are_one_suspect_told_by_the_largest() -> None:
    kinds = ["server_error"] * 3 + ["rate_limit_error"] * 2 + ["timeout"]
    failing = [request(f"f{i}", CHANGE, error=kinds[i % 6], output_text=None) for i in range(60)]
    alerts = [alert("a", layer="infrastructure", metric="error_rate", direction="up")]
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=judged(BEFORE, 4.0),
        after=Material(windows=8, requests=[*failing, *stream(CHANGE, 8, 20)]), changes=[],
    )  # fmt: skip
    assert [s.kind for s in evidence.suspects] == ["errors"]
    assert "fail with server_error (0.0% -> 13.6%), rate_limit" in evidence.suspects[0].description


def test_a_suspect_that_explains_all_that_moved_leads_one_that_explains_a_part() -> None:
    alerts = [
        alert("a", layer="cost", metric="avg_input_tokens", direction="up"),
        alert("b", layer="cost", metric="avg_output_tokens", direction="up"),
        alert("c", metric="quality_mean"),
    ]
    changes = [
        change("index", CHANGE, kind="index"),
        change("prompt", CHANGE, kind="prompt"),
    ]
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=judged(BEFORE, 4.0),
        after=judged(stream(CHANGE, 8, 20), 3.0), changes=changes,
    )  # fmt: skip
    assert [s.change_id for s in evidence.suspects] == ["prompt", "index"]


def test_an_hour_without_rows_still_makes_an_incident_with_a_response() -> None:
    alerts = [alert("a", layer="data", metric="missing_windows", direction=None)]
    opened = open_incident(alerts, set(), NOW)
    evidence = investigate(
        opened,
        alerts,
        before=judged(BEFORE, 4.0),
        after=Material(windows=4, requests=[]),
        changes=[],
    )
    assert evidence.triage is not None
    assert "none to review" in evidence.triage.reading
    assert evidence.suspects[0].description == "support_chat: 20 -> 0 requests an hour"
    assert from_json(to_json(evidence)) == evidence


def test_without_a_suspect_people_are_sent_to_ask() -> None:
    alerts = [alert("a")]
    same = stream(CHANGE, 8, 20)
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=judged(BEFORE, 4.0),
        after=judged(same, 3.0, 0.4), changes=[],
    )  # fmt: skip
    assert evidence.suspects == ()
    assert evidence.responses[0].action == "investigate"


def test_without_the_hours_between_a_difference_is_vague_and_counts_half() -> None:
    alerts = [alert("a")]
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=judged(BEFORE, 4.0),
        after=judged(AFTER, 1.5, 0.4), changes=[],
    )  # fmt: skip
    assert evidence.suspects[0].score == swap().suspects[0].score / 2
    assert "at the estimated change or before it" in evidence.suspects[0].reasons[0]


def test_what_an_old_ledger_entry_explains_is_no_new_suspect() -> None:
    alerts = [alert("a")]
    changed = [*stream(CHANGE - timedelta(hours=60), 60, 3, prompt_version="p2")]
    after = judged(stream(CHANGE, 8, 20, prompt_version="p2"), 1.5, 0.4)
    before = judged(stream(CHANGE - timedelta(days=7), 8, 20), 4.0)
    old = change("p2", CHANGE - timedelta(hours=60), kind="prompt")
    for recent in ([], changed[-60:]):
        evidence = investigate(
            open_incident(alerts, set(), NOW), alerts, before=before, after=after, changes=[old],
            recent=recent,
        )  # fmt: skip
        assert evidence.suspects == ()


def test_a_launch_the_ledger_has_no_kind_for_takes_the_kind_of_what_it_brought() -> None:
    before, after = german_arrivals()
    alerts = [alert("a", layer="inputs", metric="unexpected_language_rate", direction="up")]
    launch = change("launch", CHANGE, kind="other", description="Launch in Germany")
    evidence = investigate(
        open_incident(alerts, set(), NOW), alerts, before=before, after=after, changes=[launch]
    )
    top = evidence.suspects[0]
    assert (top.change_id, top.kind, top.in_ledger) == ("launch", "users", True)
    assert evidence.responses[0].action == "serve the new users"


RETURNS = segment_of({"category": "returns"})


def test_an_incident_of_a_category_that_falls_does_not_say_that_the_whole_rose() -> None:
    """Both are alerts of one metric: the whole improves, which is no reason to wake anybody."""
    fell = alert("a", segment=RETURNS)
    rose = alert("b", direction="up", severity="ticket", subject="support_chat/*/e1/quality_mean/s")

    def side(start: datetime, returns: int, orders: int, score: float) -> Material:
        rows = [
            (replace(each, request_id=f"{each.request_id}-{mean}"), mean)
            for category, count, mean in (("returns", returns, score), ("orders", orders, 4.5))
            for each in stream(start, 8, count, attributes={"category": category})
        ]
        return Material(
            windows=8,
            requests=[each for each, _ in rows],
            judgements=[judgement(each, mean) for each, mean in rows],
        )

    opened = open_incident([fell, rose], set(), NOW)
    evidence = investigate(
        opened, [fell, rose], before=side(CHANGE - timedelta(days=7), 20, 20, 3.5),
        after=side(CHANGE, 4, 36, 2.0), changes=[],
    )  # fmt: skip
    told = title(opened, [fell, rose], evidence)
    assert told.startswith("Quality of support_chat with category returns fell: mean 3.5 -> 2.0")


def test_an_incident_of_several_segments_does_not_name_one_as_if_it_were_all() -> None:
    alerts = [
        alert("a", segment=RETURNS),
        alert("b", segment=segment_of({"category": "orders"}), subject="other"),
    ]
    told = title(open_incident(alerts, set(), NOW), alerts, Evidence())
    assert told.startswith(("Quality of support_chat fell", "Quality of 2 segments"))


def test_features_that_moved_in_different_segments_are_not_said_to_share_one() -> None:
    alerts = [
        alert("a", segment=segment_of({"tenant": "acme"})),
        alert("b", segment=segment_of({"tenant": "beta"}), feature_id="search", subject="other"),
    ]
    told = title(open_incident(alerts, set(), NOW), alerts, Evidence())
    assert "acme" not in told or "beta" in told
