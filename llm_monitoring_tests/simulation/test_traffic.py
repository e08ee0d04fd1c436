"""One hour of the make-believe product."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict

import pytest

from llm_monitoring.hours import hour_range, shift
from llm_monitoring.records import Request, UserSignal
from llm_monitoring.simulation.faults import FAULTS, Fault, choose_faults
from llm_monitoring.simulation.product import FEATURES, pool
from llm_monitoring.simulation.traffic import expected_requests, simulate_hour

SEED = 11
NOON = 2026100712


def hours_of(fault: Fault, *, at_most: int = 12) -> list[int]:
    """Hours spread over a fault, its first and last among them."""
    step = max(1, (fault.hours - 1) // (at_most - 1))
    return [shift(fault.first_hour, at) for at in (*range(0, fault.hours, step), fault.hours - 1)]


def simulate(hours: Iterable[int], *faults: Fault) -> dict[str, Request]:
    rows = (row for hour in set(hours) for row in simulate_hour(hour, SEED, faults)[0])
    return {row.request_id: row for row in rows}


def signals_of(hours: Iterable[int], *faults: Fault) -> list[UserSignal]:
    return [row for hour in sorted(set(hours)) for row in simulate_hour(hour, SEED, faults)[1]]


def quiet(rows: Sequence[Request] | Sequence[UserSignal]) -> list[Request | UserSignal]:
    return [row for row in rows if row.request_id.startswith("os-")]


def changed_fields(before: Request, after: Request) -> set[str]:
    old, new = asdict(before), asdict(after)
    return {name for name in old if old[name] != new[name]}


def test_the_same_seed_gives_the_same_hour() -> None:
    assert simulate_hour(NOON, SEED, choose_faults()) == simulate_hour(NOON, SEED, choose_faults())


def test_another_seed_gives_another_hour() -> None:
    assert simulate_hour(NOON, SEED) != simulate_hour(NOON, SEED + 1)


def test_every_request_lies_in_its_hour_and_is_unique() -> None:
    requests, _ = simulate_hour(NOON, SEED)
    assert len({row.request_id for row in requests}) == len(requests)
    assert {(row.hour, row.timestamp.strftime("%Y%m%d%H")) for row in requests} == {
        (NOON, str(NOON))
    }


def test_a_signal_is_about_a_request_of_its_hour_and_comes_within_the_next() -> None:
    requests, signals = simulate_hour(NOON, SEED)
    sent = {row.request_id: row.timestamp for row in requests}
    assert all(row.timestamp > sent[row.request_id] for row in signals)
    assert {row.hour for row in signals} == {NOON, shift(NOON, 1)}


def test_volume_has_a_night_a_peak_and_a_weekend() -> None:
    feature = FEATURES["support_chat"]
    night, peak, saturday = 2026100703, 2026100718, 2026101018
    assert expected_requests(feature, night) < 0.4 * expected_requests(feature, peak)
    assert expected_requests(feature, saturday) < 0.9 * expected_requests(feature, peak)
    week = [expected_requests(feature, hour) for hour in hour_range(2026100500, 2026101123)]
    assert sum(week) / len(week) == pytest.approx(feature.requests_per_hour, rel=0.01)


def test_base_rates_are_those_promised() -> None:
    requests = [*simulate(hour_range(2026100500, 2026100623)).values()]
    signals = Counter(row.signal_type for row in signals_of(hour_range(2026100500, 2026100623)))
    n = len(requests)
    assert n > 15_000
    # Four standard errors of a rate of .5 % among 15,000 are .23 %.
    assert sum(row.error is not None for row in requests) / n == pytest.approx(0.005, abs=0.0023)
    refused = sum(row.finish_reason == "refusal" for row in requests) / n
    assert refused == pytest.approx(0.005, abs=0.0023)
    assert signals["abandoned"] / n == pytest.approx(0.10, abs=0.01)
    rated = signals["thumbs_up"] + signals["thumbs_down"]
    assert 0.02 < rated / n < 0.05
    assert 0.8 < signals["thumbs_up"] / rated < 0.95


def test_one_user_in_five_complains_of_a_bad_answer() -> None:
    (swap,) = choose_faults("provider_swap")
    hours = [*hour_range(swap.first_hour, swap.last_hour)]
    cut = {i for i, row in simulate(hours, swap).items() if row.finish_reason == "max_tokens"}
    reactions = Counter(row.signal_type for row in signals_of(hours, swap) if row.request_id in cut)
    assert len(cut) > 200
    assert reactions["correction"] / len(cut) == pytest.approx(0.20, abs=0.11)
    assert reactions["follow_up"] / len(cut) == pytest.approx(0.59, abs=0.14)


@pytest.mark.parametrize("name", FAULTS)
def test_the_quiet_feature_is_the_same_to_the_last_bit_under_every_fault(name: str) -> None:
    fault = FAULTS[name]
    for hour in (fault.first_hour, fault.last_hour):
        requests, signals = simulate_hour(hour, SEED)
        faulty_requests, faulty_signals = simulate_hour(hour, SEED, [fault])
        assert quiet(requests) == quiet(faulty_requests) != []
        assert quiet(signals) == quiet(faulty_signals) != []


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_changes_only_its_feature_and_only_while_it_is_on(name: str) -> None:
    fault = FAULTS[name]
    outside = (shift(fault.first_hour, -1), shift(fault.last_hour, 1))
    for hour in outside:
        assert simulate_hour(hour, SEED) == simulate_hour(hour, SEED, [fault])
    before, after = simulate(hours_of(fault)), simulate(hours_of(fault), fault)
    changed = {i for i in before if before[i] != after.get(i)}
    assert set(after) <= set(before)
    assert {before[i].feature_id for i in changed} <= {fault.feature_id}


ANSWER = {"output_text", "output_tokens", "finish_reason", "latency_ms"}


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("provider_swap", ANSWER | {"system_fingerprint"}),
        ("prompt_bloat", {"input_tokens", "prompt_version"}),
        ("new_language", ANSWER | {"input_text", "input_tokens"}),
        ("judge_failure", set()),
    ],
)
def test_a_fault_changes_what_it_says_and_no_other_field(name: str, fields: set[str]) -> None:
    fault = FAULTS[name]
    before, after = simulate(hours_of(fault)), simulate(hours_of(fault), fault)
    assert set(before) == set(after)
    seen = set().union(*(changed_fields(before[i], after[i]) for i in before))
    assert seen <= fields
    assert seen >= fields - {"finish_reason"}


@pytest.mark.parametrize("name", ["error_creep", "outage"])
def test_requests_that_do_not_fail_are_untouched_by_errors(name: str) -> None:
    fault = FAULTS[name]
    before, after = simulate(hours_of(fault)), simulate(hours_of(fault), fault)
    assert all(before[i] == row for i, row in after.items() if row.error is None)
    assert sum(row.error is not None for row in after.values()) > len(after) * 0.01


def test_a_swapped_provider_keeps_the_model_name_and_shortens_answers_by_a_third() -> None:
    (swap,) = choose_faults("provider_swap")
    before, after = simulate(hours_of(swap)), simulate(hours_of(swap), swap)
    chat = [i for i in before if i.startswith("sc-")]
    tokens = [sum(rows[i].output_tokens or 0 for i in chat) for rows in (before, after)]
    assert tokens[1] / tokens[0] == pytest.approx(0.65, abs=0.05)
    assert {after[i].model_id for i in chat} == {before[i].model_id for i in chat}
    fingerprints = [{rows[i].system_fingerprint for i in chat} - {None} for rows in (before, after)]
    assert fingerprints[0].isdisjoint(fingerprints[1])


def test_a_bloated_prompt_multiplies_input_tokens() -> None:
    (bloat,) = choose_faults("prompt_bloat")
    before, after = simulate(hours_of(bloat)), simulate(hours_of(bloat), bloat)
    search = [i for i in before if i.startswith("ps-")]
    tokens = [sum(rows[i].input_tokens or 0 for i in search) for rows in (before, after)]
    assert tokens[1] / tokens[0] == pytest.approx(1.6, abs=0.001)


def test_one_session_in_five_turns_german() -> None:
    (arrival,) = choose_faults("new_language")
    hours = [*hour_range(arrival.first_hour, arrival.last_hour)]
    before, after = simulate(hours), simulate(hours, arrival)
    german = {exchange.question for exchange in pool("support_chat_german").exchanges}
    chat = [row for row in after.values() if row.feature_id == "support_chat"]
    share = sum(row.input_text in german for row in chat) / len(chat)
    # About 1,900 sessions of 2.7 requests each: four standard errors of .2 are .04.
    assert share == pytest.approx(0.20, abs=0.04)
    assert not any(row.input_text in german for row in before.values())
    of_session: dict[str | None, set[bool]] = {}
    for row in chat:
        of_session.setdefault(row.session_id, set()).add(row.input_text in german)
    assert all(len(languages) == 1 for languages in of_session.values())


def test_errors_creep_up_evenly() -> None:
    (creep,) = choose_faults("error_creep")
    first = simulate(hour_range(creep.first_hour, shift(creep.first_hour, 11)), creep)
    last = simulate(hour_range(shift(creep.last_hour, -11), creep.last_hour), creep)
    rates = []
    for rows in (first, last):
        search = [row for row in rows.values() if row.feature_id == "product_search"]
        rates.append(sum(row.error is not None for row in search) / len(search))
    assert rates[0] == pytest.approx(0.007, abs=0.008)
    assert rates[1] == pytest.approx(0.046, abs=0.02)


def test_an_outage_is_an_hour_of_errors_and_then_silence() -> None:
    (outage,) = choose_faults("outage")
    hours = [*hour_range(outage.first_hour, outage.last_hour)]
    counts = {
        hour: [row for row in simulate([hour], outage).values() if row.feature_id == "support_chat"]
        for hour in hours
    }
    assert [len(counts[hour]) > 0 for hour in hours] == [True, False, False, False, False]
    failed = sum(row.error is not None for row in counts[hours[0]]) / len(counts[hours[0]])
    assert failed == pytest.approx(0.35, abs=0.15)
