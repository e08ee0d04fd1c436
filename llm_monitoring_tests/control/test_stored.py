"""Names of baselines: the same for what another order taught, and those of old are still ours."""

import hashlib
import json
from dataclasses import replace

import pytest

from llm_monitoring.control.stored import baseline_id_of, has_our_id
from llm_monitoring.records import Baseline
from llm_monitoring.stats.charts import CHARTS, SILENCE


def baseline(center: float) -> Baseline:
    parameters = {"kind": "level", "center": center, "seasonal": [0.1, center / 3], "windows": 48}
    return Baseline(
        chart_id="search/*/-/quality_mean/sr_mixture", baseline_id="", status="provisional",
        first_hour=2026100500, last_hour=2026100623, windows=48,
        parameters=json.dumps(parameters, sort_keys=True), diagnostics="{}",
    )  # fmt: skip


def test_the_last_bits_of_a_mean_do_not_change_the_id_and_the_tenth_digit_neither() -> None:
    assert baseline_id_of(baseline(4.125)) == baseline_id_of(baseline(4.125 + 1e-15))
    assert baseline_id_of(baseline(4.125)) != baseline_id_of(baseline(4.125001))


def test_an_id_that_an_earlier_version_gave_is_ours_and_any_other_is_not() -> None:
    known = baseline(4.125)
    parts = [
        known.chart_id, known.status, known.first_hour, known.last_hour, known.parameters,
        CHARTS["sr_mixture"].state,
    ]  # fmt: skip
    old = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    assert has_our_id(replace(known, baseline_id=old))
    assert has_our_id(replace(known, baseline_id=baseline_id_of(known)))
    assert not has_our_id(replace(known, baseline_id="0123456789abcdef"))


def test_a_chart_whose_state_changed_leaves_the_baselines_of_the_others_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    of_silence = replace(baseline(4.125), chart_id="search/*/-/request_count/missing")
    ours = [replace(b, baseline_id=baseline_id_of(b)) for b in (baseline(4.125), of_silence)]
    newer = replace(CHARTS[SILENCE], state=CHARTS[SILENCE].state + 1)
    monkeypatch.setitem(CHARTS, SILENCE, newer)
    assert [has_our_id(each) for each in ours] == [True, False]
