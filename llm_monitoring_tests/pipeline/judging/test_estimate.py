"""What a backfill would cost is told from the files before it begins."""

from pathlib import Path
from typing import Any

import pytest

from llm_monitoring.judging import endpoint_epoch
from llm_monitoring.pipeline.judging.estimate import Estimate, estimate_judging
from llm_monitoring.settings.judging import EndpointJudgeSettings
from llm_monitoring_tests.lake.examples import judgement
from llm_monitoring_tests.pipeline.small_product import NOW, SmallProduct, request


def judge(model: str) -> EndpointJudgeSettings:
    return EndpointJudgeSettings(kind="endpoint", base_url="http://127.0.0.1:9", model=model)


@pytest.fixture
def product(tmp_path: Path) -> SmallProduct:
    product = SmallProduct(tmp_path)
    everything = product.settings.sampling.model_copy(update={"rate": 1.0})
    product.settings = product.settings.model_copy(update={"sampling": everything})
    for hour in range(48):
        lines = [request(f"r-{hour}-{n}", hour) for n in range(10)]
        failed: dict[str, Any] = {"error": "timeout", "output_text": None}
        product.write("requests", hour, [*lines, request(f"f-{hour}", hour, **failed)])
    return product


def estimate(product: SmallProduct, model: str, last: int) -> Estimate:
    first, end = product.hours(0, last)
    return estimate_judging(product.lake, product.settings, judge(model), first, end, now=NOW)


def test_answers_are_counted_and_priced(product: SmallProduct) -> None:
    found = estimate(product, "gpt-4o-mini", 9)
    assert (found.answers, found.hours_read, found.hours) == (100, 10, 10)
    assert found.cost_usd is not None
    # About 250 tokens in and 80 out each, at 0.15 and 0.60 dollars a million.
    assert found.cost_usd == pytest.approx(100 * (250 * 0.15e-6 + 80 * 0.6e-6), rel=0.4)


def test_of_a_long_range_a_part_is_read(product: SmallProduct) -> None:
    found = estimate(product, "gpt-4o-mini", 47)
    assert (found.answers, found.hours_read) == (480, 24)
    assert "about 480 answers for about $" in found.sentence()
    assert "24 of 48 hours" in found.sentence()


def test_a_model_without_a_price_is_told_as_such(product: SmallProduct) -> None:
    found = estimate(product, "our-own-judge", 9)
    assert found.cost_usd is None
    assert "at an unknown price" in found.sentence()


def test_what_was_judged_before_is_not_asked_again(product: SmallProduct) -> None:
    epoch = endpoint_epoch(judge("gpt-4o-mini"), product.settings.rubric)
    hour = product.hours(0)[0]
    product.lake.append("judgements", [judgement("r-0-1", 4.0, hour, epoch=epoch)])
    assert estimate(product, "gpt-4o-mini", 9).answers == 99
