"""The catalogue of faults."""

import re
from dataclasses import replace
from itertools import combinations

import pytest

from llm_monitoring.metrics import BY_NAME
from llm_monitoring.simulation.faults import (
    DAY,
    FAULTS,
    Fault,
    choose_faults,
    conditions_at,
)
from llm_monitoring.simulation.product import FEATURES

QUIET_DAYS = 14
PROBED = ("pass_rate", "length", "identity")  # tests of provider_drift
OF_THE_DATA = ("missing_windows", "judge_coverage")  # what alerts say of the data themselves


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_a_fault_names_a_feature_and_metrics_that_exist(fault: Fault) -> None:
    assert fault.feature_id in FEATURES
    assert fault.affects
    assert set(fault.affects) <= {*BY_NAME, *PROBED, *OF_THE_DATA}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_the_first_fourteen_days_are_quiet(fault: Fault) -> None:
    assert QUIET_DAYS * DAY <= fault.start_offset < fault.end_offset <= 21 * DAY


def test_the_quiet_feature_has_no_fault() -> None:
    assert "order_summary" not in {fault.feature_id for fault in FAULTS.values()}


def test_two_faults_never_move_one_metric_of_a_feature_at_once() -> None:
    pairs = combinations(FAULTS.values(), 2)
    clashes = [
        (one.name, other.name, metric)
        for one, other in pairs
        if one.feature_id == other.feature_id
        and one.start_offset < other.end_offset
        and other.start_offset < one.end_offset
        for metric in set(one.affects) & set(other.affects)
    ]
    # But spend, a sum: errors take a little from what a longer prompt adds.
    assert {metric for _, _, metric in clashes} <= {"total_cost_usd"}


def test_a_fault_can_be_moved_and_scaled() -> None:
    (creep,) = choose_faults("error_creep")
    longer = replace(creep, start=2026010100, start_offset=0, end_offset=1440, size=0.10)
    feature = FEATURES["product_search"]
    assert longer.first_hour == 2026010100
    assert conditions_at(feature, longer.first_hour, [longer]).error_ratio == 0.005
    assert conditions_at(feature, longer.last_hour, [longer]).error_ratio == pytest.approx(0.10)


def test_faults_begin_where_the_simulation_does() -> None:
    (swap,) = choose_faults("provider_swap", start=2027030100)
    assert swap.first_hour == 2027031610


def test_an_unknown_fault_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=re.escape("no fault is called meteor")):
        choose_faults("meteor")
