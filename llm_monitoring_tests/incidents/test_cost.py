import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_monitoring.incidents.cost import (
    CostMovement,
    ModelCost,
    cost_movement,
    spend_movement,
)

COSTS = st.builds(
    ModelCost,
    model_id=st.sampled_from(["lark", "wren", "owl"]),
    requests=st.integers(0, 5000),
    input_tokens=st.floats(0, 1e7),
    output_tokens=st.floats(0, 1e7),
    cost_usd=st.floats(0, 1e4),
    input_usd_per_token=st.floats(0, 1e-4),
    output_usd_per_token=st.floats(0, 1e-4),
)
PERIOD = st.lists(COSTS, max_size=3, unique_by=lambda m: m.model_id)


def sums_to_the_change(movement: CostMovement) -> bool:
    parts = movement.contributions().values()
    scale = max([1e-9, *map(abs, parts), movement.before_usd or 0, movement.after_usd or 0])
    change = (movement.after_usd or 0) - (movement.before_usd or 0)
    return math.isclose(math.fsum(parts), change, abs_tol=1e-9 * scale)


@given(before=PERIOD, after=PERIOD)
def test_the_parts_sum_to_the_change_of_the_spend(
    before: list[ModelCost], after: list[ModelCost]
) -> None:
    before, after = ([m for m in p if m.requests or not m.cost_usd] for p in (before, after))
    assert sums_to_the_change(spend_movement(before, after, 24, 7))


@given(before=PERIOD, after=PERIOD)
def test_the_parts_sum_to_the_change_of_the_cost_per_request(
    before: list[ModelCost], after: list[ModelCost]
) -> None:
    before, after = ([m for m in p if m.requests] for p in (before, after))
    movement = cost_movement(before, after)
    if movement.before_usd is None or movement.after_usd is None:
        assert set(movement.contributions().values()) == {0.0}
    else:
        assert sums_to_the_change(movement)


def lark(
    requests: int = 100, a: int = 500, b: int = 100, p: float = 1e-6, q: float = 4e-6
) -> ModelCost:
    return ModelCost(
        model_id="lark", requests=requests, input_tokens=requests * a, output_tokens=requests * b,
        cost_usd=requests * (a * p + b * q), input_usd_per_token=p, output_usd_per_token=q,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("after", "part", "change"),
    [
        (lark(a=1500), "input_tokens", 1000e-6),
        (lark(b=150), "output_tokens", 200e-6),
        (lark(p=2e-6, q=8e-6), "price", 900e-6),
        (replace(lark(), cost_usd=100 * 1000e-6), "other", 100e-6),
    ],
)
def test_a_single_cause_gets_all_of_the_change(after: ModelCost, part: str, change: float) -> None:
    movement = cost_movement([lark()], [after])
    parts = movement.contributions()
    assert parts[part] == pytest.approx(change)
    assert all(abs(value) < 1e-15 for name, value in parts.items() if name != part)


def test_more_requests_at_the_same_cost_are_volume() -> None:
    movement = spend_movement([lark()], [lark(requests=300)], 1, 1)
    assert movement.volume == pytest.approx(200 * 900e-6)
    assert movement.contributions()["input_tokens"] == 0


def test_a_dearer_model_that_takes_over_is_model_mix() -> None:
    owl = replace(lark(p=1e-5, q=4e-5), model_id="owl")
    movement = cost_movement([lark()], [lark(requests=50), replace(owl, requests=50,
        input_tokens=25000, output_tokens=5000, cost_usd=50 * 9000e-6)])  # fmt: skip
    assert movement.model_mix == pytest.approx(0.5 * (9000e-6 - 900e-6))
    assert "model mix" in movement.sentence()


def test_a_period_without_requests_is_unknown_and_all_volume() -> None:
    assert cost_movement([], [lark()]).before_usd is None
    assert spend_movement([], [lark()], 1, 1).volume == pytest.approx(100 * 900e-6)
