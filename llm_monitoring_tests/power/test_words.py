import pytest

from llm_monitoring.metrics import BY_NAME
from llm_monitoring.power import Power, movement_text, verdict_text
from llm_monitoring.power.series import Verdict


def power(verdict: Verdict, metric: str = "quality_mean", **known: float) -> Power:
    return Power(
        feature_id="search",
        metric=BY_NAME[metric],
        status="established",
        verdict=verdict,
        **known,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("told", "text"),
    [
        (power("in time"), "in time"),
        (power("in time", sample_rate=0.05, usd_per_day=0.0), "in time"),
        (power("in time", sample_rate=0.05, usd_per_day=6.0), "in time, $6.00 a day"),
        (power("in time", sample_rate=0.05), "in time, unpriced"),
        (power("more rows", "error_rate", rows_needed=1234.4), "needs 1,234 rows an hour"),
        (
            power("more rows", rows_needed=60, sample_rate=0.05, sample_rate_needed=0.123,
                  usd_per_day_needed=14.4),
            "needs 60 judged an hour: sample rate 0.12 instead of 0.05, $14.40 a day",
        ),
        (
            power("more rows", rows_needed=60, sample_rate=0.05, sample_rate_needed=0.12,
                  usd_per_day_needed=0.0),
            "needs 60 judged an hour: sample rate 0.12 instead of 0.05, free",
        ),
        (
            power("more rows", rows_needed=60, sample_rate=0.05, sample_rate_needed=0.12),
            "needs 60 judged an hour: sample rate 0.12 instead of 0.05, unpriced",
        ),
        (
            power("all are too few", sample_rate=0.05, best_hours=33.3),
            "no rate can: with every request judged it takes 33 h",
        ),
        (
            power("no rate can", sample_rate=0.05, own_variation=0.2),
            "no rate can: the hourly value varies too much by itself, by 0.20",
        ),
        (
            power("no rate can", "error_rate", own_variation=0.012),
            "no traffic can: the hourly value varies too much by itself, by 1.2 %",
        ),
        (
            power("no rate can", "avg_cost_per_request_usd", own_variation=0.3),
            "no traffic can: the hourly value varies too much by itself, by 30 %",
        ),
        (power("waiting"), "waiting for a baseline"),
        (power("no rows"), "nothing was measured of late"),
        (power("never happened"), "never happened in Phase I: no rise of it can be judged"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_words(told: Power, text: str) -> None:
    assert verdict_text(told) == text


def test_the_change_is_told_in_the_metric_s_unit() -> None:
    assert movement_text(power("in time", before=4.81, after=4.61)) == "4.81 to 4.61"
    assert (
        movement_text(power("in time", "error_rate", before=0.01, after=0.015)) == "1.0 % to 1.5 %"
    )
    assert movement_text(power("waiting")) == ""
