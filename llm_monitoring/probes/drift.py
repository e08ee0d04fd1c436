"""Whether a model still behaves as in its frozen reference run.

Pass rates and lengths are tested, probe by probe, with Holm's correction over the two; names and
fingerprints are only compared, which costs no significance. One run raises a false alarm with a
chance of at most the significance, and an alarm counts once a second run repeats it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from llm_monitoring.probes.pairs import Pairing, is_steady, pair_probes
from llm_monitoring.records import ProbeResult, ProviderDrift
from llm_monitoring.stats.multiplicity import holm
from llm_monitoring.stats.permutation import signed_rank_test
from llm_monitoring.stats.proportions import (
    Stratum,
    least_pass_rate_p_value,
    pass_rate_power,
    stratified_pass_rate_test,
)

LEAST_PROBES = 8
FALL = 0.20  # of the pass rate: what the power is given for
TESTS = 2  # that share the significance: pass_rate and length
ANSWERED_RATIO = 0.8  # of its calls a run must have answered to serve as the reference
ALARMS = ("changed", "regressed")


def frozen_reference(history: Sequence[ProbeResult]) -> list[ProbeResult]:
    """Each model's reference run: its first weekly run that was answered well enough.

    Args:
        history: results of any weeks, models and runs.
    """
    runs: dict[str, dict[int, list[ProbeResult]]] = {}
    for result in history:
        if result.run == "weekly":
            weeks = runs.setdefault(result.requested_model, {})
            weeks.setdefault(result.week, []).append(result)
    reference: list[ProbeResult] = []
    for weeks in runs.values():
        usable = [week for week in sorted(weeks) if _is_answered(weeks[week])]
        reference += weeks[usable[0]] if usable else []
    return reference


def provider_drift(
    reference: Sequence[ProbeResult],
    current: Sequence[ProbeResult],
    *,
    week: int,
    significance: float,
) -> list[ProviderDrift]:
    """Three rows for every model of the current run: pass_rate, length and identity.

    Args:
        reference: the frozen run of every model, as `frozen_reference` finds it. A model without
            one, or whose own is of this week, is in its reference week.
        current: one run, of one or more models.
        week: Monday of the current run, yyyymmdd.
        significance: chance of a false alarm a run and model, both tests together.
    """
    rows: list[ProviderDrift] = []
    for model in sorted({result.requested_model for result in current}):
        then = [result for result in reference if result.requested_model == model]
        now = [result for result in current if result.requested_model == model]
        if not then or all(result.week == week for result in then):
            rows += _reference_rows(now, model, week)
        else:
            blank = _row(model, week, "pass_rate", reference_week=then[0].week)
            rows += _tested(pair_probes(then, now), blank, significance)
            rows.append(_identity(then, now, blank))
    return rows


def needs_confirmation(drift: Iterable[ProviderDrift]) -> list[str]:
    """Models to be asked a second time before it is reported; identity needs no second look."""
    return sorted(
        {row.requested_model for row in drift if row.verdict in ALARMS and row.test != "identity"}
    )


def confirmed(
    first: Sequence[ProviderDrift], second: Sequence[ProviderDrift]
) -> list[ProviderDrift]:
    """The first run's rows, with alarms only where the second run repeats them.

    Raises:
        KeyError: a row that needs confirmation has no counterpart in the second run.
    """
    again = {(row.requested_model, row.test): row for row in second}
    to_confirm = set(needs_confirmation(first))
    return [
        _confirmed(row, again[row.requested_model, row.test])
        if row.requested_model in to_confirm and row.verdict in ALARMS and row.test != "identity"
        else row
        for row in first
    ]


def _confirmed(first: ProviderDrift, second: ProviderDrift) -> ProviderDrift:
    if second.verdict == first.verdict:
        return replace(first, detail=f"{first.detail}. Confirmed by a second run")
    told = f"{first.detail}. The second run did not repeat it: {second.verdict}, {second.detail}"
    if second.verdict in ALARMS:  # a pass rate that fell in one run and rose in the other
        return replace(first, verdict="changed", detail=told)
    return replace(first, verdict=second.verdict, detail=told)


def _reference_rows(now: Sequence[ProbeResult], model: str, week: int) -> list[ProviderDrift]:
    pairing = pair_probes(now, now)
    if _is_answered(now):
        few = f"; fewer than {LEAST_PROBES} are too few to compare with later"
        told = f"reference run: {pairing.told()}{few if len(pairing.pairs) < LEAST_PROBES else ''}"
        verdict = "reference"
    else:
        verdict, told = "could_not_measure", f"cannot serve as the reference: {pairing.told()}"
    row = _row(model, week, "pass_rate", reference_week=week if verdict == "reference" else None)
    row = replace(row, probes=len(pairing.pairs), verdict=verdict, detail=told)
    return [replace(row, test=test) for test in ("pass_rate", "length", "identity")]


@dataclass(frozen=True, slots=True)
class _Finding:
    statistic: float
    p_value: float
    least_p_value: float  # that any outcome could have given
    alarm: str  # verdict if significant
    told: str


def _tested(pairing: Pairing, blank: ProviderDrift, significance: float) -> list[ProviderDrift]:
    blank = replace(blank, probes=len(pairing.pairs))
    if not pairing.pairs:
        verdict, why = _undecided(pairing)
        blank = replace(blank, verdict=verdict, detail=f"{why}: {pairing.told()}")
        return [replace(blank, power=0.0), replace(blank, test="length")]
    strata = [pair.stratum for pair in pairing.pairs]
    # Holm's first step is the stricter one: the power is given for the harder case.
    power = pass_rate_power(
        strata, fall=FALL, significance=significance / TESTS, selected=is_steady
    )
    findings = [_pass_rates(strata, power), _lengths(pairing)]
    adjusted = holm([finding.p_value for finding in findings])
    blanks = [replace(blank, power=power), replace(blank, test="length")]
    return [
        _decided(row, finding, p_adjusted, pairing, significance)
        for row, finding, p_adjusted in zip(blanks, findings, adjusted, strict=True)
    ]


def _pass_rates(strata: Sequence[Stratum], power: float) -> _Finding:
    test = stratified_pass_rate_test(strata, is_steady)
    return _Finding(
        test.statistic,
        test.p_value,
        least_pass_rate_p_value(strata, is_steady),
        "regressed" if test.statistic < 0 else "changed",
        f"pass rate {100 * test.difference:+.0f} points, power {power:.2f} for a fall of "
        f"{100 * FALL:.0f}",
    )


def _lengths(pairing: Pairing) -> _Finding:
    test = signed_rank_test([pair.length - pair.reference_length for pair in pairing.pairs])
    ratio = median(pair.length / max(pair.reference_length, 1.0) for pair in pairing.pairs)
    return _Finding(
        test.statistic,
        test.p_value,
        2.0 ** (1 - len(pairing.pairs)),
        "changed",
        f"{test.pairs} of {len(pairing.pairs)} answers differ in length, median ratio {ratio:.2f}",
    )


def _decided(
    row: ProviderDrift,
    finding: _Finding,
    p_adjusted: float,
    pairing: Pairing,
    significance: float,
) -> ProviderDrift:
    row = replace(row, statistic=finding.statistic, p_value=finding.p_value, p_adjusted=p_adjusted)
    undecidable = TESTS * finding.least_p_value > significance
    if len(pairing.pairs) < LEAST_PROBES or undecidable:
        verdict, why = _undecided(pairing)
        return replace(row, verdict=verdict, detail=f"{why}: {finding.told}; {pairing.told()}")
    verdict = finding.alarm if p_adjusted <= significance else "stable"
    return replace(row, verdict=verdict, detail=f"{finding.told}; {pairing.told()}")


def _undecided(pairing: Pairing) -> tuple[str, str]:
    """Missing answers are to blame if there would be enough probes with them."""
    unanswered = len(pairing.left_out.get("unanswered", ()))
    if unanswered and len(pairing.pairs) + unanswered >= LEAST_PROBES:
        return "could_not_measure", "too many probes had no answer"
    return "too_few_probes", "too few probes to decide"


def _identity(
    then: Sequence[ProbeResult], now: Sequence[ProbeResult], blank: ProviderDrift
) -> ProviderDrift:
    """Names that the reference run never saw; a provider that serves two at once is no news."""
    row = replace(blank, test="identity", probes=len({result.probe_id for result in now}))
    if all(result.passed is None for result in now):
        return replace(row, verdict="could_not_measure", detail="no call was answered")
    known, seen = _names(then), _names(now)
    if not known and not seen:
        told = "the provider names neither the model nor a fingerprint"
        return replace(row, verdict="could_not_measure", detail=told)
    new = sorted(seen - known)
    if not new and seen:
        return replace(row, verdict="stable", detail="as in the reference run: " + _listed(seen))
    told = f"new: {_listed(new)}" if new else "no longer named"
    return replace(row, verdict="changed", detail=f"{told}; the reference run: {_listed(known)}")


def _names(results: Iterable[ProbeResult]) -> set[str]:
    answered = [result for result in results if result.passed is not None]
    models = {f"model {result.response_model}" for result in answered if result.response_model}
    return models | {
        f"fingerprint {result.system_fingerprint}"
        for result in answered
        if result.system_fingerprint
    }


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def _is_answered(run: Sequence[ProbeResult]) -> bool:
    answered = sum(result.passed is not None for result in run)
    return answered >= ANSWERED_RATIO * len(run) and answered > 0


def _row(model: str, week: int, test: str, *, reference_week: int | None) -> ProviderDrift:
    return ProviderDrift(
        week=week,
        requested_model=model,
        test=test,
        reference_week=reference_week,
        probes=0,
        statistic=None,
        p_value=None,
        p_adjusted=None,
        power=None,
        verdict="could_not_measure",
        detail="",
    )
