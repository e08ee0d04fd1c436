"""The LLM judge: one call for all dimensions. It gets a function to ask with, never the network."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from llm_monitoring.judging.items import (
    CHUNK,
    Clock,
    JudgeItem,
    judgement_of,
    verdict_without_judge,
)
from llm_monitoring.judging.reply import PARSER_VERSION, parse_reply
from llm_monitoring.judging.rubric import epoch_of, messages_for, response_format
from llm_monitoring.judging.scores import Scores, Unscored
from llm_monitoring.records import Judgement
from llm_monitoring.settings.judging import EndpointJudgeSettings, Rubric

# How often an item is asked before an unusable reply stands; a refusal stands at once. All replies
# count into its tokens and cost.
REPLIES = 2

PriceOf = Callable[[int | None, int | None], float | None]


class Reply(Protocol):
    """What a judge model answered."""

    @property
    def text(self) -> str: ...
    @property
    def finish_reason(self) -> str | None: ...
    @property
    def refusal(self) -> str | None: ...
    @property
    def input_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...


class Complete(Protocol):
    """Asks the judge model; raises ConnectionError when there is no reply to be had."""

    def __call__(
        self,
        messages: Sequence[Mapping[str, str]],
        *,
        max_output_tokens: int,
        response_format: Mapping[str, Any] | None = None,
        temperature: float | None = None,
        seed: int | None = None,
    ) -> Awaitable[Reply]: ...


class EndpointJudge:
    """An LLM judge: one call for all dimensions, as many in flight as the settings allow.

    One instance is one run: its budgets cover all that is judged through it.

    Args:
        complete: asks the judge model (`ChatClient.complete`).
        price_of: (input tokens, output tokens) -> US dollars; None: unpriced.

    Raises:
        ValueError: a budget in dollars was set and the model has no price to hold it by.
    """

    def __init__(
        self,
        *,
        complete: Complete,
        settings: EndpointJudgeSettings,
        rubric: Rubric,
        clock: Clock,
        price_of: PriceOf = lambda _input, _output: None,
    ) -> None:
        if settings.budget_usd_per_run is not None and price_of(1000, 100) is None:
            raise ValueError(
                f"judge.budget_usd_per_run is set, but {settings.model} has no price; "
                "add one under prices or set max_judgements_per_run instead"
            )
        self.name = settings.model
        self.epoch = endpoint_epoch(settings, rubric)
        self.spent_usd = 0.0
        self.asked = 0
        self._all_priced = True
        self._complete = complete
        self._settings = settings
        self._rubric = rubric
        self._clock = clock
        self._price_of = price_of

    async def judge(
        self, items: Sequence[JudgeItem], chunk: int = CHUNK
    ) -> AsyncGenerator[list[Judgement], None]:
        """Every item's judgement in the order they finish; what is in flight is cancelled if the
        caller closes this early."""
        waiting = deque(items)
        flying: set[asyncio.Task[Judgement]] = set()
        finished: list[Judgement] = []
        try:
            while waiting or flying:
                while waiting and len(flying) < self._settings.max_in_flight:
                    flying.add(asyncio.create_task(self._judge_one(waiting.popleft())))
                done, flying = await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
                finished += [task.result() for task in done]
                while len(finished) >= chunk:
                    yield finished[:chunk]
                    finished = finished[chunk:]
            if finished:
                yield finished
        finally:
            for task in flying:
                task.cancel()
            await asyncio.gather(*flying, return_exceptions=True)

    async def _judge_one(self, item: JudgeItem) -> Judgement:
        verdict = verdict_without_judge(item) or self._over_budget()
        if verdict is not None:
            return self._judgement(item, verdict, [])
        self.asked += 1
        replies: list[Reply] = []
        verdict = await self._ask(item, replies)
        return self._judgement(item, verdict, replies)

    async def _ask(self, item: JudgeItem, replies: list[Reply]) -> Scores | Unscored:
        verdict: Scores | Unscored = Unscored(cause="unavailable", detail="not asked")
        for _ in range(REPLIES):
            try:
                reply = await self._complete(
                    messages_for(self._rubric, item.input_text or "", item.output_text or ""),
                    max_output_tokens=self._settings.max_output_tokens,
                    response_format=response_format(),
                    temperature=self._settings.temperature,
                    seed=self._settings.seed,
                )
            except ConnectionError as error:
                return verdict if replies else Unscored(cause="unavailable", detail=f"{error}")
            replies.append(reply)
            self._spend(reply)
            verdict = parse_reply(reply.text, reply.finish_reason, reply.refusal)
            if isinstance(verdict, Scores) or verdict.cause == "refusal" or self._over_budget():
                break
        return verdict

    def _spend(self, reply: Reply) -> None:
        cost = self._price_of(reply.input_tokens, reply.output_tokens)
        self._all_priced = self._all_priced and cost is not None
        self.spent_usd += cost or 0.0

    def _over_budget(self) -> Unscored | None:
        dollars, most = self._settings.budget_usd_per_run, self._settings.max_judgements_per_run
        if dollars is not None and not self._all_priced:
            # A reply that does not say what it used cannot be held to a budget: better to stop.
            return Unscored(cause="budget", detail="a reply did not say how many tokens it took")
        if dollars is not None and self.spent_usd >= dollars:
            return Unscored(cause="budget", detail=f"{dollars} USD per run are spent")
        if most is not None and self.asked >= most:
            return Unscored(cause="budget", detail=f"{most} judgements per run are made")
        return None

    def _judgement(
        self, item: JudgeItem, verdict: Scores | Unscored, replies: list[Reply]
    ) -> Judgement:
        return judgement_of(
            item,
            verdict,
            judge=self.name,
            epoch=self.epoch,
            judged_at=self._clock(),
            input_tokens=_total([reply.input_tokens for reply in replies]),
            output_tokens=_total([reply.output_tokens for reply in replies]),
            cost_usd=_total([self._price_of(r.input_tokens, r.output_tokens) for r in replies]),
        )


def endpoint_epoch(settings: EndpointJudgeSettings, rubric: Rubric) -> str:
    """Epoch of an endpoint judge; the prompt as sent is hashed, so rewording it here counts."""
    return epoch_of(
        rubric=str(messages_for(rubric, "", "")),
        judge=settings.model,
        parameters={
            "temperature": settings.temperature,
            "seed": settings.seed,
            "max_output_tokens": settings.max_output_tokens,
            "response_format": response_format(),
            "replies": REPLIES,
        },
        parser_version=PARSER_VERSION,
    )


def _total(values: Sequence[Any]) -> Any:
    """Sum; None where nothing was reported or a part of it is unknown."""
    return None if not values or None in values else sum(values)
