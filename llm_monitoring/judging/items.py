"""What is put before a judge, what is settled without it, and the row a verdict becomes.

A judge yields finished judgements in chunks, so that the caller stores each chunk before the next
is waited for: a run that is killed has paid in vain only for the chunk it was collecting and for
the calls in flight.
"""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from llm_monitoring.judging.scores import UNASKED_CAUSES, Scores, Unscored, cause_of
from llm_monitoring.records import Judgement, SampledRequest

CHUNK = 50
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeItem:
    """One sampled request with its text, as logged and redacted."""

    sampled: SampledRequest
    input_text: str | None
    output_text: str | None
    finish_reason: str | None
    error: str | None


class Judge(Protocol):
    """Scores answers; `epoch` names everything that moves its scores."""

    @property
    def name(self) -> str: ...
    @property
    def epoch(self) -> str: ...
    def judge(
        self, items: Sequence[JudgeItem], chunk: int = CHUNK
    ) -> AsyncGenerator[list[Judgement], None]:
        """Every item's judgement, in the order they finish, at most `chunk` at a time."""
        ...


async def judge_and_commit(
    judge: Judge,
    items: Sequence[JudgeItem],
    commit: Callable[[list[Judgement]], object],
    chunk: int = CHUNK,
) -> int:
    """Judge everything, handing each chunk to `commit` as soon as it is complete.

    Returns:
        How many judgements were committed, unscored ones included.
    """
    committed = 0
    async with aclosing(judge.judge(items, chunk)) as chunks:
        async for judgements in chunks:
            commit(judgements)
            committed += len(judgements)
    return committed


def verdict_without_judge(item: JudgeItem) -> Scores | Unscored | None:
    """What needs no judge; None: it does.

    A request that failed has no answer, so it is unscored (the error rate counts it). A request
    that succeeded with an empty answer gave the user nothing: that is scored 1; so is a refusal
    without a word.
    """
    blank = not (item.output_text or "").strip()
    if blank and item.error is not None:
        return Unscored(cause="no_answer", detail=f"request failed ({item.error})")
    if blank and item.finish_reason == "tool_use":
        return Unscored(cause="no_answer", detail="the model called a tool")
    if item.input_text is None:
        return Unscored(cause="no_text", detail="the log holds no input")
    if item.output_text is None and item.finish_reason != "refusal":
        return Unscored(cause="no_text", detail="the log holds no answer")
    if blank:
        return Scores(correctness=1, completeness=1, tone=1, reason="empty answer")
    return None


def judgement_of(
    item: JudgeItem,
    verdict: Scores | Unscored,
    *,
    judge: str,
    epoch: str,
    judged_at: datetime,
    input_tokens: int | None = None,
    output_tokens: int | None = None,
    cost_usd: float | None = None,
) -> Judgement:
    """The row a verdict becomes; unscored rows keep what the call cost."""
    scores = verdict if isinstance(verdict, Scores) else None
    return Judgement(
        hour=item.sampled.hour,
        request_id=item.sampled.request_id,
        feature_id=item.sampled.feature_id,
        model_id=item.sampled.model_id,
        epoch=epoch,
        judge=judge,
        inclusion_probability=item.sampled.inclusion_probability,
        quality_score=scores.quality_score if scores else None,
        quality_mean=scores.quality_mean if scores else None,
        correctness=scores.correctness if scores else None,
        completeness=scores.completeness if scores else None,
        tone=scores.tone if scores else None,
        flagged=scores.flagged if scores else None,
        reason=scores.reason if scores else None,
        unscored_reason=str(verdict) if scores is None else None,
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cost_usd=cost_usd,
        judged_at=judged_at,
    )


def settled(
    sampled: Iterable[SampledRequest],
    existing: Iterable[Judgement],
    epoch: str,
) -> list[Judgement]:
    """The existing judgements of this epoch that stay, for requests that are still sampled.

    Scores stay. Unscored ones stay where the judge was asked and paid. The inclusion probability is
    the sample's: a changed rate is no reason to pay again, but a stale weight would bias the mean.
    """
    probability = {row.request_id: row.inclusion_probability for row in sampled}
    return [
        replace(row, inclusion_probability=probability[row.request_id])
        for row in existing
        if row.epoch == epoch and row.request_id in probability and _stays(row)
    ]


def to_judge(
    sampled: Sequence[SampledRequest],
    existing: Iterable[Judgement],
    epoch: str,
) -> list[SampledRequest]:
    """The sampled requests that `settled` leaves open, in their order."""
    done = {row.request_id for row in settled(sampled, existing, epoch)}
    return [row for row in sampled if row.request_id not in done]


def _stays(judgement: Judgement) -> bool:
    reason = judgement.unscored_reason
    return reason is None or cause_of(reason) not in UNASKED_CAUSES
