"""A judge that does not answer for some hours."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import UTC, datetime

from llm_monitoring.hours import shift
from llm_monitoring.judging import Judge, JudgeItem, Scores
from llm_monitoring.judging.items import CHUNK, judgement_of
from llm_monitoring.records import Judgement, SampledRequest
from llm_monitoring.simulation.faults import choose_faults
from llm_monitoring.simulation.judge import FailingJudge, failing_judge


class ContentJudge:
    """Gives everything a 4."""

    name = "content"
    epoch = "e1"

    async def judge(
        self, items: Sequence[JudgeItem], chunk: int = CHUNK
    ) -> AsyncGenerator[list[Judgement], None]:
        scores = Scores(correctness=4, completeness=4, tone=4)
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        for start in range(0, len(items), chunk):
            yield [
                judgement_of(item, scores, judge="content", epoch="e1", judged_at=moment)
                for item in items[start : start + chunk]
            ]


def item(request_id: str, hour: int, feature_id: str) -> JudgeItem:
    sampled = SampledRequest(
        hour=hour,
        request_id=request_id,
        feature_id=feature_id,
        model_id="m",
        inclusion_probability=0.5,
        salt="",
    )
    return JudgeItem(
        sampled=sampled, input_text="q", output_text="a", finish_reason="end_turn", error=None
    )


def judge_all(judge: Judge, items: Sequence[JudgeItem]) -> dict[str, Judgement]:
    async def collect() -> list[Judgement]:
        return [row async for rows in judge.judge(items) for row in rows]

    return {row.request_id: row for row in asyncio.run(collect())}


ITEMS = [item("a", 2026010101, "x"), item("b", 2026010102, "x"), item("c", 2026010102, "y")]


def test_in_a_bad_hour_nothing_is_scored_and_the_reason_says_simulated() -> None:
    judged = judge_all(FailingJudge(ContentJudge(), lambda hour: hour == 2026010102), ITEMS)
    assert {i: row.quality_mean for i, row in judged.items()} == {"a": 4, "b": None, "c": None}
    assert judged["b"].unscored_reason == "unavailable: the judge does not answer (simulated)"
    assert judged["b"].epoch == judged["a"].epoch


def test_a_judge_can_fail_one_feature_alone() -> None:
    judged = judge_all(FailingJudge(ContentJudge(), lambda _: True, "y"), ITEMS)
    assert {i for i, row in judged.items() if row.quality_mean is None} == {"c"}


def test_the_demo_judge_fails_six_hours_of_one_feature() -> None:
    (failure,) = choose_faults("judge_failure")
    assert failure.hours == 6
    items = [
        item("during", failure.first_hour, "product_search"),
        item("elsewhere", failure.first_hour, "support_chat"),
        item("before", shift(failure.first_hour, -1), "product_search"),
        item("after", shift(failure.last_hour, 1), "product_search"),
    ]
    judged = judge_all(failing_judge(ContentJudge()), items)
    assert {i for i, row in judged.items() if row.quality_mean is None} == {"during"}


def test_without_a_judge_failure_the_judge_is_left_alone() -> None:
    judge = ContentJudge()
    assert failing_judge(judge, choose_faults("outage")) is judge
