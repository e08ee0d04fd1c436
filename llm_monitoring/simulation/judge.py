"""A judge that does not answer for some hours: a fault of the judge, not of the product."""

from collections.abc import AsyncGenerator, Callable, Iterable, Sequence

from llm_monitoring.hours import hour_start, shift
from llm_monitoring.judging import Judge, JudgeItem, Unscored
from llm_monitoring.judging.items import CHUNK, judgement_of
from llm_monitoring.records import Judgement
from llm_monitoring.simulation.faults import Fault, choose_faults

SIMULATED_FAILURE = Unscored(cause="unavailable", detail="the judge does not answer (simulated)")


def failing_judge(judge: Judge, faults: Iterable[Fault] | None = None) -> Judge:
    """The judge, down when a judge_failure among the faults says so; None: the demo's faults."""
    for fault in choose_faults() if faults is None else faults:
        if fault.name == "judge_failure":
            judge = FailingJudge(judge, fault.is_on, fault.feature_id)
    return judge


class FailingJudge:
    """Another judge, but down in some hours; name and epoch are the other judge's.

    Args:
        judge: asked whenever it is not down.
        is_down: hour yyyymmddhh -> it does not answer.
        feature_id: it is down for this feature alone; None: for all.
    """

    def __init__(
        self, judge: Judge, is_down: Callable[[int], bool], feature_id: str | None = None
    ) -> None:
        self.name = judge.name
        self.epoch = judge.epoch
        self._judge = judge
        self._is_down = is_down
        self._feature_id = feature_id

    async def judge(
        self, items: Sequence[JudgeItem], chunk: int = CHUNK
    ) -> AsyncGenerator[list[Judgement], None]:
        """Every item's judgement: first those that fail, then those of the other judge."""
        failing = [item for item in items if self._fails(item)]
        for start in range(0, len(failing), chunk):
            yield [self._failure(item) for item in failing[start : start + chunk]]
        async for judgements in self._judge.judge(
            [item for item in items if not self._fails(item)], chunk
        ):
            yield judgements

    def _fails(self, item: JudgeItem) -> bool:
        concerned = self._feature_id in (None, item.sampled.feature_id)
        return concerned and self._is_down(item.sampled.hour)

    def _failure(self, item: JudgeItem) -> Judgement:
        return judgement_of(
            item,
            SIMULATED_FAILURE,
            judge=self.name,
            epoch=self.epoch,
            judged_at=hour_start(shift(item.sampled.hour, 1)),
        )
