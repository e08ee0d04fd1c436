import random
import re
import time
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llm_monitoring.hours import shift
from llm_monitoring.incidents.grouping import Assignment, assign, incident_key
from llm_monitoring.incidents.steps import open_incident
from llm_monitoring.records import Alert, Incident
from llm_monitoring.segments import segment_of_model
from llm_monitoring_tests.incidents.examples import CHANGE_HOUR, NOW, alert

MODELS = {
    "support_chat": {"lark", "lark-2"},
    "product_search": {"lark-2"},
    "order_summary": {"wren"},
}


def grouped(alerts: list[Alert], incidents: list[Incident] | None = None) -> Assignment:
    return assign(alerts, incidents or [], 12, MODELS)


def fingerprints(group: tuple[Alert, ...]) -> set[str]:
    return {a.fingerprint for a in group}


def at(fingerprint: str, hours: int, **fields: object) -> Alert:
    change = shift(CHANGE_HOUR, hours)
    return alert(
        fingerprint, change_hour=change, first_hour=shift(change, 4), last_hour=shift(change, 9),
        **fields,
    )  # fmt: skip


def test_alerts_of_one_feature_with_near_change_times_are_one_incident() -> None:
    cost = at("b", 3, layer="cost", metric="avg_output_tokens")
    assert [fingerprints(g) for g in grouped([cost, at("a", 0)]).opened] == [{"a", "b"}]


def test_alerts_of_two_features_without_a_common_model_are_two_incidents() -> None:
    other = at("b", 0, feature_id="order_summary")
    assert len(grouped([at("a", 0), other]).opened) == 2


def test_alerts_that_share_a_model_are_one_incident() -> None:
    one = at("a", 0, segment=segment_of_model("lark-2"))
    other = at("b", 1, feature_id="product_search", segment=segment_of_model("lark-2"))
    assert len(grouped([one, other]).opened) == 1


def test_two_faults_of_two_features_that_are_seen_by_model_are_two_incidents() -> None:
    one, other = (
        at(
            metric,
            hours,
            feature_id=feature,
            segment=segment_of_model("lark-2"),
            layer="cost",
            metric=metric,
        )
        for feature, metric, hours in (
            ("support_chat", "avg_input_tokens", 0),
            ("product_search", "avg_output_tokens", 8),
        )
    )
    assert len(grouped([one, other]).opened) == 2
    unpriced = at(
        "u", 1, feature_id=None, segment=segment_of_model("lark-2"), layer="data", metric="unpriced"
    )
    assert len(grouped([one, unpriced]).opened) == 1


SHOP = {f"feature-{i}": {"gpt-x"} for i in range(300)}


def outage(features: int, metric: str = "error_rate", **fields: object) -> list[Alert]:
    """One metric of so many features on one model, with estimates an hour or two apart."""
    return [
        at(f"{metric}-{i}", i % 3, feature_id=f"feature-{i}", layer="infrastructure",
           metric=metric, **{"direction": "up"} | fields)
        for i in range(features)
    ]  # fmt: skip


@pytest.mark.parametrize("features", [2, 12, 300])
def test_an_outage_of_a_provider_is_one_incident_whatever_runs_on_it(features: int) -> None:
    alerts = outage(features) + outage(features, "latency_p95_ms")
    assert [len(g) for g in assign(alerts, [], 12, SHOP).opened] == [2 * features]


def test_features_that_fall_silent_together_are_one_incident() -> None:
    silent = outage(5, "missing_windows", direction="down")
    assert [len(g) for g in assign(silent, [], 12, SHOP).opened] == [5]


def test_nine_hundred_alerts_are_grouped_in_a_moment() -> None:
    metrics = ("error_rate", "latency_p95_ms", "quality_mean")
    alerts = [alert for metric in metrics for alert in outage(300, metric)]
    began = time.perf_counter()
    assert len(assign(alerts, [], 12, SHOP).opened) == 1
    assert len(assign(alerts, [], 12, {name: {name} for name in SHOP}).opened) == 300
    assert time.perf_counter() - began < 10  # about 1 s; 14 s where each was held against each


def test_two_faults_on_one_model_are_two_incidents() -> None:
    quality = at("q", 0, feature_id="feature-1")
    latency = at(
        "l", 1, feature_id="feature-2", layer="infrastructure", metric="latency_p95_ms",
        direction="up",
    )  # fmt: skip
    assert len(assign([quality, latency], [], 12, SHOP).opened) == 2
    # Nor is one metric that rises here and falls there one cause.
    rise, fall = (at(side, 0, feature_id=f"on-{side}", direction=side) for side in ("up", "down"))
    assert len(assign([rise, fall], [], 12, {"on-up": {"m"}, "on-down": {"m"}}).opened) == 2


def test_one_metric_on_one_model_hours_later_is_another_cause() -> None:
    later = at("later", 6, feature_id="feature-9", layer="infrastructure", metric="error_rate",
               direction="up")  # fmt: skip
    assert sorted(len(g) for g in assign([*outage(3), later], [], 12, SHOP).opened) == [1, 3]


def test_a_chain_of_changes_two_hours_apart_is_not_one_cause() -> None:
    hours = [shift(CHANGE_HOUR, 2 * i) for i in range(8)]
    chain = [
        replace(one, change_hour=hour, first_hour=shift(hour, 1), last_hour=shift(hour, 1))
        for one, hour in zip(outage(8), hours, strict=True)
    ]
    # Each group reaches three hours from its first.
    assert [len(g) for g in assign(chain, [], 12, SHOP).opened] == [2, 2, 2, 2]


def test_alarms_that_come_together_are_one_cause_though_estimates_of_it_differ() -> None:
    scattered = [
        replace(one, change_hour=shift(CHANGE_HOUR, -5 * (i % 4)), first_hour=CHANGE_HOUR)
        for i, one in enumerate(outage(12))
    ]
    (group,) = assign(scattered, [], 12, SHOP).opened
    # The middle estimate: one that an error before the outage has led astray counts for little.
    assert open_incident(group, set(), NOW).change_hour == shift(CHANGE_HOUR, -10)


def test_one_features_share_is_no_part_of_another_features_outage() -> None:
    failing = outage(1)[0]
    share = replace(outage(2, "request_share")[1], severity="info")
    result = assign([failing, share], [], 12, SHOP)
    assert [group[0].metric for group in result.opened] == ["error_rate"]
    assert result.waiting == (share,)


def test_features_join_over_a_model_that_all_of_them_use() -> None:
    models = {"feature-0": {"a"}, "feature-1": {"a", "b"}, "feature-2": {"b"}}
    groups = assign([replace(o, change_hour=CHANGE_HOUR) for o in outage(3)], [], 12, models).opened
    assert sorted(len(g) for g in groups) == [1, 2]


def test_info_alerts_lead_no_other_feature_in() -> None:
    info = [replace(one, severity="info") for one in outage(2)]
    other = replace(outage(3)[2], severity="page")
    result = assign([*info, other], [], 12, SHOP)
    assert [len(g) for g in result.opened] == [3]  # they join what is grave
    assert assign(info, [], 12, SHOP).waiting == tuple(info)
    apart = at("q", 0, feature_id="feature-0")
    led = replace(info[1], feature_id="feature-0")
    assert len(assign([apart, led, other], [], 12, SHOP).opened) == 2


def test_an_outage_that_reaches_further_features_later_grows_its_incident() -> None:
    first, more = outage(12)[:4], outage(12)[4:]
    incident = open_incident(first, set(), NOW)
    held = [replace(one, incident_id=incident.incident_id) for one in first]
    result = assign([*held, *more], [incident], 12, SHOP)
    assert len(result.joined[incident.incident_id]) == 8
    assert result.opened == ()


def test_answers_that_stay_unscored_everywhere_are_one_incident_whatever_the_models() -> None:
    unscored = outage(5, "judge_coverage", direction="down")
    models = {f"feature-{i}": {f"model-{i}"} for i in range(5)}
    assert [len(g) for g in assign(unscored, [], 12, models).opened] == [5]


def test_rows_that_several_sources_reject_or_drop_at_once_are_one_incident() -> None:
    rows = [
        at(f"{metric}-{source}", source, layer="data", metric=metric, feature_id=None)
        for metric in ("rows_dropped", "reject_ratio")
        for source in range(3)
    ]
    assert [len(g) for g in grouped(rows).opened] == [6]


def test_an_incident_of_several_features_bears_the_name_of_the_product() -> None:
    assert incident_key(outage(12), set()) == "2026-10-20T11-product-infrastructure"
    assert incident_key(outage(1), set()) == "2026-10-20T10-feature-0-infrastructure"


def test_a_change_far_from_the_incidents_is_another_incident() -> None:
    assert len(grouped([at("a", 0), at("b", 40)]).opened) == 2


def test_an_episode_that_starts_during_an_open_incident_joins_it_whatever_its_change_time() -> None:
    first = alert("a", last_hour=shift(CHANGE_HOUR, 20))
    second = alert("b", change_hour=shift(CHANGE_HOUR, -30), first_hour=2026102018)
    incident = open_incident([first], set(), NOW)
    held = replace(first, incident_id=incident.incident_id)
    joined = grouped([held, second], [incident]).joined
    assert fingerprints(joined[incident.incident_id]) == {"b"}


def test_a_judge_that_fails_while_the_cost_is_up_is_an_incident_of_its_own() -> None:
    cost = at("c", 0, layer="cost", metric="avg_input_tokens")
    unscored = at("u", 2, metric="unscored_rate", severity="ticket")
    coverage = at("v", 2, layer="data", metric="judge_coverage", severity="ticket")
    groups = grouped([cost, unscored, coverage]).opened
    assert sorted(map(sorted, map(fingerprints, groups))) == [["c"], ["u", "v"]]
    # Failing requests cannot be judged, and a judge that changes moves the quality it tells.
    for layer, metric in (("infrastructure", "error_rate"), ("quality", "quality_mean")):
        cause = at("e", 0, layer=layer, metric=metric)
        assert len(grouped([cause, unscored, coverage]).opened) == 1


def test_info_alerts_join_but_never_open() -> None:
    info = at("i", 1, severity="info", layer="inputs")
    assert grouped([info]).waiting == (info,)
    assert fingerprints(grouped([info, at("a", 0)]).opened[0]) == {"a", "i"}


def test_info_alerts_do_not_chain_unrelated_causes_together() -> None:
    info = at("i", 10, severity="info", segment=segment_of_model("lark-2"))
    far = at("b", 11, feature_id="product_search", segment=segment_of_model("lark-2"))
    assert len(grouped([at("a", 0), info, far]).opened) == 2


def probe_alert(fingerprint: str = "p", **fields: object) -> Alert:
    monday = 2026101900
    plain = alert(
        fingerprint, layer="provider", metric="pass_rate", feature_id=None,
        segment=segment_of_model("lark"),
        first_hour=monday, last_hour=monday, change_hour=None,
    )  # fmt: skip
    return replace(plain, **fields)


def test_a_provider_alert_joins_the_incident_of_a_feature_that_uses_its_model() -> None:
    groups = grouped([probe_alert(), at("a", 0)]).opened
    assert [fingerprints(g) for g in groups] == [{"a", "p"}]


def test_a_provider_alert_of_another_model_stays_apart() -> None:
    assert len(grouped([probe_alert(segment=segment_of_model("wren")), at("a", 0)]).opened) == 2


def test_a_provider_alert_prefers_the_fall_of_quality_among_the_faults_of_its_week() -> None:
    tokens = at("t", 60, layer="cost", metric="avg_input_tokens")
    groups = grouped([tokens, probe_alert(), at("a", 0)]).opened
    assert {"a", "p"} in [fingerprints(g) for g in groups]


def test_an_input_shift_is_not_the_providers_doing() -> None:
    shifted = at("l", 0, layer="inputs", metric="unexpected_language_rate")
    assert len(grouped([probe_alert(), shifted]).opened) == 2


def test_a_feature_alert_joins_the_incident_a_probe_opened_and_tells_its_hour() -> None:
    incident = open_incident([probe_alert()], set(), NOW)
    held = replace(probe_alert(), incident_id=incident.incident_id)
    result = grouped([held, at("a", 0)], [incident])
    assert fingerprints(result.joined[incident.incident_id]) == {"a"}


@pytest.mark.parametrize(
    ("change", "together"),
    [
        (2026101123, False),  # Sunday, the last hour before
        (2026101200, True),  # Monday 00:00 of the week before the probe's
        (2026101823, True),
        (2026101900, True),  # Monday 00:00 of the probe's week
        (2026102523, True),  # its Sunday, the last hour
        (2026102600, False),
    ],
)
def test_a_probe_joins_what_changed_from_the_monday_before_to_the_end_of_its_week(
    change: int, together: bool
) -> None:
    fall = alert("a", change_hour=change, first_hour=change, last_hour=shift(change, 5))
    assert (len(grouped([probe_alert(), fall]).opened) == 1) is together


def test_a_second_fault_of_the_week_does_not_join_through_the_probe() -> None:
    later = at("b", 90, feature_id="product_search")
    groups = grouped([probe_alert(), at("a", 0), later]).opened
    assert sorted(len(g) for g in groups) == [1, 2]


def test_a_late_alert_joins_a_resolved_incident_but_a_new_episode_does_not() -> None:
    incident = replace(open_incident([at("a", 0)], set(), NOW), status="resolved")
    held = replace(at("a", 0), incident_id=incident.incident_id)
    after = at("new", 8)
    result = grouped([held, at("late", 1), after], [incident])
    assert fingerprints(result.joined[incident.incident_id]) == {"late"}
    assert [fingerprints(g) for g in result.opened] == [{"new"}]


def test_an_alert_its_incident_lists_is_joined_again_when_it_does_not_know_it() -> None:
    incident = open_incident([at("a", 0)], set(), NOW)
    result = grouped([at("a", 0)], [incident])
    assert fingerprints(result.joined[incident.incident_id]) == {"a"}
    assert result.opened == ()


def test_nothing_is_done_twice() -> None:
    incident = open_incident([at("a", 0)], set(), NOW)
    held = replace(at("a", 0), incident_id=incident.incident_id)
    assert grouped([held], [incident]) == Assignment(joined={}, opened=(), waiting=())


KINDS = st.tuples(
    st.integers(-80, 80),
    st.sampled_from(["page", "ticket", "info"]),
    st.sampled_from(["quality", "inputs", "provider"]),
    st.sampled_from([*MODELS]),
    st.sampled_from([None, "lark-2"]),
)


@given(kinds=st.lists(KINDS, min_size=1, max_size=9), seed=st.integers(0, 99))
def test_the_order_of_the_alerts_changes_nothing_and_none_is_lost(
    kinds: list[tuple[int, str, str, str, str | None]], seed: int
) -> None:
    alerts = [
        at(f"f{i}", hour, severity=severity, layer=layer, feature_id=feature,
           segment=segment_of_model("lark-2" if layer == "provider" else model))
        for i, (hour, severity, layer, feature, model) in enumerate(kinds)
    ]  # fmt: skip
    shuffled = random.Random(seed).sample(alerts, len(alerts))
    one, other = grouped(alerts), grouped(shuffled)
    assert one == other
    placed = [a.fingerprint for g in (*one.opened, one.waiting) for a in g]
    assert sorted(placed) == sorted(a.fingerprint for a in alerts)
    assert all(any(a.severity != "info" for a in group) for group in one.opened)


def test_ids_are_readable_and_unique() -> None:
    key = incident_key([at("a", 4)], set())
    assert key == "2026-10-20T14-support_chat-quality"
    assert incident_key([at("a", 4)], {key}) == f"{key}-2"
    assert incident_key([at("a", 4)], {key, f"{key}-2"}) == f"{key}-3"


def test_ids_differ_in_more_than_capitals_which_not_every_file_system_tells_apart() -> None:
    key = incident_key([at("a", 4)], set())
    assert incident_key([at("a", 4)], {key.upper()}) == f"{key}-2"


@given(st.text(min_size=1, max_size=200))
@example("0..")
def test_an_id_is_safe_as_a_partition_key_and_a_file_name(feature: str) -> None:
    key = incident_key([at("a", 0, feature_id=feature)], set())
    assert re.fullmatch(r"[A-Za-z0-9_.-]{15,110}", key)
    assert ".." not in key
