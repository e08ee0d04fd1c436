import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any

import pytest

from llm_monitoring.adapters.models import Backoff, ChatClient
from llm_monitoring.judging import EndpointJudge, JudgeItem, judge_and_commit, settled, to_judge
from llm_monitoring.records import Judgement
from llm_monitoring.settings.judging import EndpointJudgeSettings, Rubric
from llm_monitoring_tests.judging.examples import NOON, item
from llm_monitoring_tests.scripted_server import ScriptedServer

SHORT = Backoff(initial=0.001, maximum=0.01, jitter=0.001)
numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        yield server


def scripted(*behaviours: str) -> JudgeItem:
    """An item no other test has, whose answer tells the server how to reply."""
    return item(f"r-{next(numbers)}", output_text=f"{next(numbers)} {' '.join(behaviours)}")


def settings(server: ScriptedServer, **fields: Any) -> EndpointJudgeSettings:
    defaults = {"kind": "endpoint", "base_url": server.base_url, "model": "judge-1"}
    few = {"attempts": 3, "timeout_seconds": 5, "max_in_flight": 4}
    return EndpointJudgeSettings.model_validate(defaults | few | fields)


def price(input_tokens: int | None, output_tokens: int | None) -> float | None:
    """A dollar per token in and two per token out; the server reports 200 and 40."""
    if input_tokens is None or output_tokens is None:
        return None
    return input_tokens + 2.0 * output_tokens


class Stop(BaseException):
    """Like the exception an orchestrator interrupts a run with: no Exception."""


def judged(
    server: ScriptedServer,
    items: Sequence[JudgeItem],
    *,
    chunk: int = 50,
    stop_after: int | None = None,
    stored: list[Judgement] | None = None,
    **fields: Any,
) -> list[Judgement]:
    """Judge over real HTTP; `stored` keeps what was committed when a run is stopped."""
    stored = [] if stored is None else stored

    def commit(judgements: list[Judgement]) -> None:
        stored.extend(judgements)
        if stop_after is not None and len(stored) >= stop_after:
            raise Stop

    async def run() -> None:
        chosen = settings(server, **fields)
        async with ChatClient(chosen, backoff=SHORT) as client:
            judge = EndpointJudge(
                complete=client.complete,
                settings=chosen,
                rubric=Rubric(),
                clock=lambda: NOON,
                price_of=price,
            )
            assert await judge_and_commit(judge, items, commit, chunk) == len(items)

    asyncio.run(run())
    return stored


def reason_for(server: ScriptedServer, *behaviours: str, **fields: Any) -> str | None:
    [row] = judged(server, [scripted(*behaviours)], **fields)
    if row.unscored_reason is not None:
        assert row.quality_score is row.quality_mean is row.correctness is row.flagged is None
    return row.unscored_reason


def test_scores_depend_on_what_was_judged(server: ScriptedServer) -> None:
    items = [scripted("[[score=5]]"), scripted("[[score=2,4,5]]"), scripted("[[score=1]]")]
    rows = {row.request_id: row for row in judged(server, items)}
    good, wrong, bad = (rows[i.sampled.request_id] for i in items)
    assert (good.quality_score, good.flagged, good.reason) == (5, False, "as scripted")
    assert (wrong.quality_score, wrong.correctness, wrong.flagged) == (4, 2, True)
    assert (bad.quality_mean, bad.flagged) == (1, True)
    assert {row.judge for row in rows.values()} == {"judge-1"}
    assert good.judged_at == NOON


def test_one_call_asks_for_all_dimensions_under_a_strict_schema(server: ScriptedServer) -> None:
    before = len(server.bodies)
    judged(server, [scripted("[[score=4]]")], temperature=0.0, seed=7, max_output_tokens=99)
    [body] = server.bodies[before:]
    assert body["response_format"]["json_schema"]["strict"] is True
    assert (body["model"], body["temperature"], body["seed"]) == ("judge-1", 0.0, 7)
    assert body["max_tokens"] == 99
    assert [message["role"] for message in body["messages"]] == ["system", "user"]


def test_tokens_and_cost_of_the_call_are_stored(server: ScriptedServer) -> None:
    [row] = judged(server, [scripted("[[score=4]]")])
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (200, 40, 280.0)


@pytest.mark.parametrize("failure", ["[[429]]", "[[500]]", "[[503]]", "[[html]]"])
def test_a_passing_failure_costs_no_score(server: ScriptedServer, failure: str) -> None:
    assert reason_for(server, failure, failure, "[[score=4]]") is None


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("[[429]]", "unavailable: HTTP 429: slow down"),
        ("[[500]]", "unavailable: HTTP 500: internal error"),
        ("[[400=no such model]]", "unavailable: HTTP 400: no such model"),
        ("[[html]]", "unavailable: not a chat completion"),
        ("[[no_choices]]", "unavailable: not a chat completion"),
        ("[[broken]]", "broken_json: "),
        ("[[prose]]", "prose: I would give this answer a solid 4 out of 5."),
        ("[[refusal]]", "refusal: I can't help with that."),
        ("[[filtered]]", "refusal: content_filter"),
        ("[[truncated]]", "truncated: cut off at 19 characters"),
        ("[[empty]]", "empty_reply: the reply holds no text"),
        ("[[out_of_range]]", "out_of_range: completeness is 9"),
        ("[[zero]]", "out_of_range: correctness is 0"),
        ("[[words]]", 'not_an_integer: correctness is "good"'),
        ("[[missing]]", "missing_dimension: completeness"),
    ],
)
def test_a_judge_that_fails_leaves_the_answer_unscored_with_the_reason(
    server: ScriptedServer, behaviour: str, reason: str
) -> None:
    assert (reason_for(server, behaviour) or "").startswith(reason)


def test_a_judge_that_is_silent_leaves_the_answer_unscored(server: ScriptedServer) -> None:
    reason = reason_for(server, "[[silent]]", timeout_seconds=0.1, attempts=2)
    assert reason == "unavailable: no reply within 0.1 s"


def test_an_unusable_reply_is_asked_for_once_more_and_both_are_paid(
    server: ScriptedServer,
) -> None:
    [row] = judged(server, [scripted("[[prose]]", "[[score=3]]")])
    assert (row.quality_score, row.input_tokens, row.cost_usd) == (3, 400, 560.0)


def test_a_refusal_is_not_asked_again(server: ScriptedServer) -> None:
    [row] = judged(server, [scripted("[[refusal]]", "[[score=5]]")])
    assert (row.unscored_reason or "").startswith("refusal: ")
    assert row.input_tokens == 200


def test_what_has_no_answer_is_never_sent(server: ScriptedServer) -> None:
    before = len(server.bodies)
    failed = item("failed", output_text=None, error="timeout")
    silent = item("silent", output_text="")
    rows = {row.request_id: row for row in judged(server, [failed, silent])}
    assert rows["failed"].unscored_reason == "no_answer: request failed (timeout)"
    assert rows["silent"].quality_score == 1
    assert rows["silent"].cost_usd is None
    assert len(server.bodies) == before


def test_finished_judgements_come_in_chunks(server: ScriptedServer) -> None:
    items = [scripted("[[score=4]]") for _ in range(23)]

    async def sizes() -> list[int]:
        chosen = settings(server)
        async with ChatClient(chosen, backoff=SHORT) as client:
            judge = EndpointJudge(
                complete=client.complete, settings=chosen, rubric=Rubric(), clock=lambda: NOON
            )
            return [len(chunk) async for chunk in judge.judge(items, 10)]

    assert asyncio.run(sizes()) == [10, 10, 3]


def test_a_stopped_run_resumes_and_no_stored_judgement_is_paid_twice(
    server: ScriptedServer,
) -> None:
    items = [scripted("[[score=4]]") for _ in range(40)]
    stored: list[Judgement] = []
    before = len(server.bodies)
    with pytest.raises(Stop):
        judged(server, items, chunk=10, stop_after=10, stored=stored)
    assert len(stored) == 10
    paid_first = len(server.bodies) - before
    assert paid_first <= 10 + 2 * 4  # the chunk, what had finished beside it, what was in flight

    epoch = stored[0].epoch
    sampled = [i.sampled for i in items]
    wanted = {row.request_id for row in to_judge(sampled, stored, epoch)}
    assert wanted.isdisjoint(row.request_id for row in stored)
    rest = [i for i in items if i.sampled.request_id in wanted]
    judged(server, rest, chunk=10, stored=stored)
    assert len(settled(sampled, stored, epoch)) == 40
    assert len(stored) == 40
    # A call that was in flight when the run stopped may reach the server after it was counted.
    assert 0 <= len(server.bodies) - before - paid_first - 30 <= 4
    committed_first = {row.request_id for row in stored[:10]}
    texts = [body["messages"][1]["content"] for body in server.bodies[before:]]
    for one in items:
        if one.sampled.request_id in committed_first:
            assert sum((one.output_text or "") in text for text in texts) == 1


def test_closing_the_judge_early_cancels_what_is_in_flight(server: ScriptedServer) -> None:
    items = [scripted("[[score=5]]"), *(scripted("[[silent]]") for _ in range(10))]

    async def first_chunk() -> list[Judgement]:
        chosen = settings(server)
        async with ChatClient(chosen, backoff=SHORT) as client:
            judge = EndpointJudge(
                complete=client.complete, settings=chosen, rubric=Rubric(), clock=lambda: NOON
            )
            async with aclosing(judge.judge(items, 1)) as chunks:
                return await anext(chunks)

    [row] = asyncio.run(first_chunk())
    assert row.quality_score == 5


def test_a_spent_budget_leaves_the_rest_unscored_and_open(server: ScriptedServer) -> None:
    items = [scripted("[[score=4]]") for _ in range(12)]
    rows = judged(server, items, budget_usd_per_run=700, max_in_flight=1)  # 280 a call
    scored = [row for row in rows if row.unscored_reason is None]
    assert len(scored) == 3  # the third call started below the budget
    assert {row.unscored_reason for row in rows} - {None} == {"budget: 700.0 USD per run are spent"}
    assert len(to_judge([i.sampled for i in items], rows, rows[0].epoch)) == 9


def test_a_budget_is_overshot_by_no_more_than_what_was_in_flight(server: ScriptedServer) -> None:
    items = [scripted("[[score=4]]") for _ in range(30)]
    rows = judged(server, items, budget_usd_per_run=1400, max_in_flight=4)
    assert sum(row.cost_usd or 0 for row in rows) <= 1400 + 4 * 280


def test_a_run_makes_no_more_judgements_than_allowed(server: ScriptedServer) -> None:
    before = len(server.bodies)
    rows = judged(server, [scripted("[[score=4]]") for _ in range(9)], max_judgements_per_run=4)
    assert len(server.bodies) - before == 4
    assert [row.unscored_reason for row in rows].count("budget: 4 judgements per run are made") == 5


def test_a_budget_for_a_model_without_a_price_is_a_mistake(server: ScriptedServer) -> None:
    async def never(*_args: object, **_how: object) -> Any:
        raise AssertionError("no call may be made")

    with pytest.raises(ValueError, match="judge-1 has no price"):
        EndpointJudge(
            complete=never,
            settings=settings(server, budget_usd_per_run=1),
            rubric=Rubric(),
            clock=lambda: NOON,
        )


def test_an_outage_of_the_judge_is_unscored_and_open_for_the_next_run(
    server: ScriptedServer,
) -> None:
    items = [scripted("[[503]]", "[[503]]", "[[503]]", "[[score=4]]") for _ in range(3)]
    down = judged(server, items)
    assert {row.unscored_reason for row in down} == {"unavailable: HTTP 503: overloaded"}
    assert to_judge([i.sampled for i in items], down, down[0].epoch) == [i.sampled for i in items]
    assert {row.quality_score for row in judged(server, items)} == {4}
