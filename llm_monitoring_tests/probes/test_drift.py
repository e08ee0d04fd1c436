"""Verdicts on a model's weeks; how often they are wrong, and how often they are right."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from llm_monitoring.probes import confirmed, frozen_reference, needs_confirmation, provider_drift
from llm_monitoring.probes.pairs import is_steady
from llm_monitoring.records import ProbeResult, ProviderDrift

FIRST, LATER = 20261005, 20261019
Vary = Callable[[ProbeResult], ProbeResult]


def result(
    probe: int, repeat: int, *, week: int, passed: bool = True, length: int | None = None
) -> ProbeResult:
    text = "x" * (40 + 3 * probe if length is None else length)
    return ProbeResult(
        week=week,
        run="weekly",
        probe_id=f"probe-{probe:02}",
        probe_version="v1",
        family="format",
        repeat=repeat,
        requested_model="model-2026-06-01",
        response_model="model-2026-06-01",
        system_fingerprint="fp_1",
        temperature=0.0,
        seed=None,
        max_output_tokens=200,
        output_text=text,
        output_sha256="-",
        finish_reason="stop",
        input_tokens=10,
        output_tokens=10,
        latency_ms=100.0,
        check="exact",
        passed=passed,
        check_detail=None,
        error=None,
        probed_at=datetime(2026, 10, 5, tzinfo=UTC),
    )


def run(probes: int, repeats: int, week: int, vary: Vary = lambda same: same) -> list[ProbeResult]:
    return [vary(result(p, r, week=week)) for p in range(probes) for r in range(repeats)]


def broken(ids: Sequence[int]) -> Vary:
    names = {f"probe-{probe:02}" for probe in ids}
    return lambda one: replace(one, passed=False) if one.probe_id in names else one


def unanswered(ids: Sequence[int]) -> Vary:
    names = {f"probe-{probe:02}" for probe in ids}
    gone = {"passed": None, "output_text": None, "response_model": None, "error": "HTTP 503"}
    return lambda one: replace(one, **gone) if one.probe_id in names else one


def shorter(one: ProbeResult) -> ProbeResult:
    return replace(one, output_text=(one.output_text or "")[:-9])


def drift(
    then: Sequence[ProbeResult], now: Sequence[ProbeResult], significance: float = 0.01
) -> dict[str, ProviderDrift]:
    rows = provider_drift(then, now, week=LATER, significance=significance)
    assert [row.test for row in rows] == ["pass_rate", "length", "identity"]
    return {row.test: row for row in rows}


def test_the_first_week_is_the_reference() -> None:
    now = run(25, 5, FIRST)
    for reference in ([], frozen_reference(now)):
        rows = provider_drift(reference, now, week=FIRST, significance=0.01)
        assert {row.verdict for row in rows} == {"reference"}
        assert {row.reference_week for row in rows} == {FIRST}


def test_the_same_answers_again_are_stable() -> None:
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER))
    assert {row.verdict for row in rows.values()} == {"stable"}
    assert rows["pass_rate"].p_value == rows["length"].p_value == 1.0
    assert rows["pass_rate"].reference_week == FIRST
    assert rows["pass_rate"].probes == 25
    assert rows["pass_rate"].power == pytest.approx(0.9, abs=0.06)
    assert rows["length"].power is rows["identity"].power is None
    assert needs_confirmation(list(rows.values())) == []


def test_three_of_twenty_five_probes_that_fail_for_good_are_a_regression() -> None:
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER, broken([1, 2, 3])))
    assert rows["pass_rate"].verdict == "regressed"
    assert rows["pass_rate"].statistic is not None
    assert rows["pass_rate"].statistic < 0
    assert rows["length"].verdict == "stable"
    assert needs_confirmation(list(rows.values())) == ["model-2026-06-01"]


def test_one_failing_probe_is_not_enough() -> None:
    assert drift(run(25, 5, FIRST), run(25, 3, LATER, broken([1])))["pass_rate"].verdict == "stable"


def test_pass_rates_that_rise_are_a_change_and_no_regression() -> None:
    rows = drift(run(25, 5, FIRST, broken([1, 2, 3, 4])), run(25, 3, LATER))
    assert rows["pass_rate"].verdict == "changed"


def test_shorter_answers_that_still_pass_are_a_change() -> None:
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER, shorter))
    assert (rows["length"].verdict, rows["pass_rate"].verdict) == ("changed", "stable")
    assert rows["length"].statistic == -1


def test_the_two_tests_share_the_significance_by_holm() -> None:
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER, shorter))
    length, pass_rate = rows["length"], rows["pass_rate"]
    assert length.p_value is not None
    assert length.p_adjusted == pytest.approx(2 * length.p_value)
    assert pass_rate.p_adjusted == 1.0


@pytest.mark.parametrize(
    ("name", "value"), [("response_model", "model-2026-09-01"), ("system_fingerprint", "fp_2")]
)
def test_a_new_name_or_fingerprint_is_told_at_once_and_needs_no_second_run(
    name: str, value: str
) -> None:
    rows = drift(run(2, 5, FIRST), run(2, 3, LATER, lambda one: replace(one, **{name: value})))
    assert rows["identity"].verdict == "changed"
    assert value in rows["identity"].detail
    assert needs_confirmation(list(rows.values())) == []


def test_a_fingerprint_that_the_reference_run_also_saw_is_no_news() -> None:
    def two(one: ProbeResult) -> ProbeResult:
        return replace(one, system_fingerprint=f"fp_{one.repeat % 2}")

    assert drift(run(9, 5, FIRST, two), run(9, 3, LATER))["identity"].verdict == "stable"


def test_a_provider_that_names_nothing_cannot_be_compared_by_name() -> None:
    def nameless(one: ProbeResult) -> ProbeResult:
        return replace(one, response_model=None, system_fingerprint=None)

    rows = drift(run(9, 5, FIRST, nameless), run(9, 3, LATER, nameless))
    assert rows["identity"].verdict == "could_not_measure"


@pytest.mark.parametrize("probes", [1, 2, 7])
def test_fewer_than_eight_probes_never_pass_and_never_fail(probes: int) -> None:
    rows = drift(run(probes, 5, FIRST), run(probes, 3, LATER, broken(range(probes))))
    assert rows["pass_rate"].verdict == rows["length"].verdict == "too_few_probes"
    assert "power" in rows["pass_rate"].detail
    assert needs_confirmation(list(rows.values())) == []


def test_with_eight_probes_pass_rates_can_be_told_and_lengths_at_one_percent_cannot() -> None:
    rows = drift(run(8, 5, FIRST), run(8, 3, LATER, broken(range(8))))
    assert rows["pass_rate"].verdict == "regressed"
    assert rows["length"].verdict == "too_few_probes"
    rows = drift(run(9, 5, FIRST), run(9, 3, LATER, shorter))
    assert rows["length"].verdict == "changed"


def test_missing_answers_are_not_failures() -> None:
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER, unanswered(range(10))))
    assert rows["pass_rate"].verdict == "stable"
    assert rows["pass_rate"].probes == 15
    assert "calls without an answer: 30" in rows["pass_rate"].detail


def test_without_answers_nothing_is_said_of_the_model() -> None:
    for gone in (range(25), range(20)):
        rows = drift(run(25, 5, FIRST), run(25, 3, LATER, unanswered(gone)))
        assert rows["pass_rate"].verdict == rows["length"].verdict == "could_not_measure"
    rows = drift(run(25, 5, FIRST), run(25, 3, LATER, unanswered(range(25))))
    assert rows["identity"].verdict == "could_not_measure"
    assert rows["pass_rate"].p_value is None


def test_a_first_week_without_answers_is_no_reference() -> None:
    first = run(25, 5, FIRST, unanswered(range(25)))
    rows = provider_drift([], first, week=FIRST, significance=0.01)
    assert {row.verdict for row in rows} == {"could_not_measure"}
    second = run(25, 5, LATER)
    assert frozen_reference([*first, *second]) == second


def test_the_reference_stays_the_first_week() -> None:
    first, second = run(9, 5, FIRST), run(9, 3, LATER)
    confirmation = [replace(one, run="confirmation", week=FIRST - 7) for one in first]
    assert frozen_reference([*second, *confirmation, *first]) == first


def test_flaky_edited_and_new_probes_are_left_out_and_listed() -> None:
    def vary(one: ProbeResult) -> ProbeResult:
        return replace(one, passed=one.repeat < 3) if one.probe_id == "probe-00" else one

    def edit(one: ProbeResult) -> ProbeResult:
        return replace(one, probe_version="v2") if one.probe_id == "probe-01" else one

    rows = drift(run(20, 5, FIRST, vary), run(21, 3, LATER, edit))
    assert rows["pass_rate"].probes == 18
    for told in (
        "flaky in the reference run, quarantined: probe-00",
        "edited since the reference run: probe-01",
        "without an answer in the reference run: probe-20",
    ):
        assert told in rows["pass_rate"].detail


def test_flaky_means_strictly_between_a_fifth_and_four_fifths() -> None:
    assert [is_steady(passes, 5) for passes in range(6)] == [True, True, False, False, True, True]


def test_models_are_told_apart() -> None:
    def other(one: ProbeResult) -> ProbeResult:
        return replace(one, requested_model="other-2026-06-01")

    then = [*run(25, 5, FIRST), *run(25, 5, FIRST, other)]
    now = [*run(25, 3, LATER, broken(range(5))), *run(25, 3, LATER, other)]
    rows = provider_drift(frozen_reference(then), now, week=LATER, significance=0.01)
    assert {row.requested_model: row.verdict for row in rows if row.test == "pass_rate"} == {
        "model-2026-06-01": "regressed",
        "other-2026-06-01": "stable",
    }


def test_an_alarm_that_the_second_run_repeats_stays_and_another_does_not() -> None:
    then = run(25, 5, FIRST)
    bad = list(drift(then, run(25, 3, LATER, broken([1, 2, 3]))).values())
    good = list(drift(then, run(25, 3, LATER)).values())
    silent = list(drift(then, run(25, 3, LATER, unanswered(range(25)))).values())
    verdicts = [confirmed(bad, second)[0].verdict for second in (bad, good, silent)]
    assert verdicts == ["regressed", "stable", "could_not_measure"]
    assert "did not repeat" in confirmed(bad, good)[0].detail
    assert confirmed(good, []) == good


def _weeks(
    rng: np.random.Generator, probes: int, swap: bool
) -> tuple[list[ProbeResult], list[ProbeResult]]:
    """Two runs of a model; `swap`: the second by one that fails a fifth more and is 15 % shorter.

    Most probes nearly always pass, some are flaky; lengths vary by probe, by run and by repeat.
    """
    rates = rng.beta(6, 0.3, probes)
    lengths = rng.uniform(np.log(20), np.log(600), probes)

    def answers(week: int, repeats: int, rates: np.ndarray, factor: float) -> list[ProbeResult]:
        of_run = lengths + np.log(factor) + rng.normal(0, 0.05, probes)
        return [
            result(
                p,
                r,
                week=week,
                passed=bool(rng.random() < rates[p]),
                length=round(float(np.exp(of_run[p] + rng.normal(0, 0.1)))),
            )
            for p in range(probes)
            for r in range(repeats)
        ]

    later = np.where(rng.random(probes) < 0.2, 0.0, rates) if swap else rates
    return answers(FIRST, 5, rates, 1.0), answers(LATER, 3, later, 0.85 if swap else 1.0)


def _alarm_ratio(probes: int, runs: int, swap: bool, significance: float) -> float:
    rng = np.random.default_rng(23)
    alarms = 0
    for _ in range(runs):
        rows = drift(*_weeks(rng, probes, swap), significance=significance)
        alarms += bool(needs_confirmation(list(rows.values())))
    return alarms / runs


@pytest.mark.slow
@pytest.mark.parametrize("significance", [0.05, 0.01])
def test_false_alarms_of_both_tests_together_stay_at_the_significance(significance: float) -> None:
    ratio = _alarm_ratio(25, 500, swap=False, significance=significance)
    assert ratio <= significance + 3 * (significance * (1 - significance) / 500) ** 0.5


@pytest.mark.slow
def test_a_swap_is_found_nearly_always_with_25_probes_and_mostly_with_12() -> None:
    assert _alarm_ratio(25, 200, swap=True, significance=0.01) >= 0.95
    assert _alarm_ratio(12, 200, swap=True, significance=0.01) >= 0.6
