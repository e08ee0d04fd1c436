import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.metrics import BY_NAME, CHARTED
from llm_monitoring.power import Change

CHANGE = Change(drop=0.2, relative_rise=0.5)


@pytest.mark.parametrize(
    ("metric", "before", "after"),
    [
        ("quality_mean", 4.1, 3.9),
        ("error_rate", 0.01, 0.015),
        ("error_rate", 0.9, 1 - 0.1 / 1.5),  # 135 % is no rate
        ("explicit_positive_rate", 0.9, 0.85),  # thumbs down are half as many again
        ("explicit_positive_rate", 0.2, 0.2 / 1.5),
        ("avg_cost_per_request_usd", 0.002, 0.003),
        ("request_count", 100, 150),
    ],
)
def test_each_kind_of_metric_goes_wrong_in_its_own_way(
    metric: str, before: float, after: float
) -> None:
    assert CHANGE.after(BY_NAME[metric], before) == pytest.approx(after)


@given(before=st.floats(1e-6, 1 - 1e-6), rise=st.floats(0.01, 50))
def test_a_rate_stays_a_rate_and_moves_where_it_is_bad(before: float, rise: float) -> None:
    change = Change(relative_rise=rise)
    for metric in CHARTED:
        if metric.kind == "proportion":
            after = change.after(metric, before)
            assert 0 < after < 1
            assert (after > before) == ("up" in metric.bad)
