"""The judge that needs no key: reads the evidence of breakage off each answer."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from llm_monitoring.judging.breakage import (
    BREAKAGE_VERSION,
    Evidence,
    heuristic_scores,
    is_cut_off,
    is_echo,
    repetition_ratio,
)
from llm_monitoring.judging.items import (
    CHUNK,
    Clock,
    JudgeItem,
    judgement_of,
    verdict_without_judge,
)
from llm_monitoring.judging.reply import CUT_OFF
from llm_monitoring.judging.rubric import epoch_of
from llm_monitoring.records import Judgement
from llm_monitoring.refusals import is_refusal

COMPARED_CHARACTERS = 500  # of question and answer are embedded: enough for the topic
SHORTEST_IN_A_LANGUAGE = 20  # characters; a shorter answer may be a name ("Kilogram" is German)
HEURISTIC = "heuristic"

Embed = Callable[[Sequence[str]], NDArray[np.float32]]
IdentifyLanguages = Callable[[Sequence[str], Sequence[str]], Sequence[str | None]]


class HeuristicJudge:
    """Scores breakage from what the answer contains; never sees anything but item and settings.

    Args:
        embed: texts -> [n, d], rows L2-normalised.
        embedder: its name and version.
        identify_languages: (texts, expected languages) -> ISO 639-1 or None, each.
        languages_of: feature_id -> expected languages of its questions.
        usual_output_characters: feature_id -> length of a usual answer. Frozen by the caller: a
            moving usual would absorb the drift it is meant to show. A feature that is not in it
            is not judged by length.
    """

    def __init__(
        self,
        *,
        embed: Embed,
        embedder: str,
        identify_languages: IdentifyLanguages,
        languages_of: Callable[[str], Sequence[str]],
        clock: Clock,
        usual_output_characters: Mapping[str, float] | None = None,
    ) -> None:
        self.name = HEURISTIC
        self._usual = dict(usual_output_characters or {})
        self.epoch = heuristic_epoch(embedder, self._usual)
        self._embed = embed
        self._identify = identify_languages
        self._languages_of = languages_of
        self._clock = clock

    async def judge(
        self, items: Sequence[JudgeItem], chunk: int = CHUNK
    ) -> AsyncGenerator[list[Judgement], None]:
        """Every item's judgement, in the order given, a batch of `chunk` at a time."""
        for start in range(0, len(items), chunk):
            yield self.judgements(items[start : start + chunk])

    def judgements(self, items: Sequence[JudgeItem]) -> list[Judgement]:
        """One batch; the embedder is asked once."""
        verdicts = [verdict_without_judge(item) for item in items]
        open_items = [item for item, v in zip(items, verdicts, strict=True) if v is None]
        evidence = iter(self._evidence(open_items))
        return [
            judgement_of(
                item,
                verdict or heuristic_scores(next(evidence)),
                judge=self.name,
                epoch=self.epoch,
                judged_at=self._clock(),
            )
            for item, verdict in zip(items, verdicts, strict=True)
        ]

    def _evidence(self, items: Sequence[JudgeItem]) -> list[Evidence]:
        relevance = self._relevance(items)
        return [
            Evidence(
                relevance=relevance[i],
                refused=item.finish_reason == "refusal" or is_refusal(item.output_text or ""),
                provider_truncated=item.finish_reason in CUT_OFF,
                cut_off=is_cut_off(item.output_text or ""),
                echoed=is_echo(item.input_text or "", item.output_text or ""),
                repetition_ratio=repetition_ratio(item.output_text or ""),
                language_matches=self._language_matches(item),
                length_ratio=self._length_ratio(item),
            )
            for i, item in enumerate(items)
        ]

    def _relevance(self, items: Sequence[JudgeItem]) -> list[float | None]:
        """Cosine of question and answer; None where one of them is blank."""
        asked = [(item.input_text or "")[:COMPARED_CHARACTERS] for item in items]
        answered = [(item.output_text or "")[:COMPARED_CHARACTERS] for item in items]
        full = [i for i in range(len(items)) if asked[i].strip() and answered[i].strip()]
        relevance: list[float | None] = [None] * len(items)
        if full:
            embedded = self._embed([*(asked[i] for i in full), *(answered[i] for i in full)])
            cosines = np.sum(embedded[: len(full)] * embedded[len(full) :], axis=1)
            for i, cosine in zip(full, cosines, strict=True):
                relevance[i] = float(cosine)
        return relevance

    def _language_matches(self, item: JudgeItem) -> bool | None:
        """The question's language is what is expected of the answer; None: cannot tell."""
        question, answer = item.input_text or "", item.output_text or ""
        if min(len(question), len(answer)) < SHORTEST_IN_A_LANGUAGE:
            return None
        asked = self._identify([question], self._languages_of(item.sampled.feature_id))[0]
        if asked is None:
            return None
        answered = self._identify([answer], [asked])[0]
        return None if answered is None else answered == asked

    def _length_ratio(self, item: JudgeItem) -> float | None:
        usual = self._usual.get(item.sampled.feature_id)
        return None if usual is None else len(item.output_text or "") / usual


def heuristic_epoch(embedder: str, usual_output_characters: Mapping[str, float]) -> str:
    """Epoch of the heuristic judge: another embedder or another usual length is another judge."""
    return epoch_of(
        rubric="breakage",
        judge=HEURISTIC,
        parameters={"embedder": embedder, "usual": dict(usual_output_characters)},
        parser_version=BREAKAGE_VERSION,
    )
