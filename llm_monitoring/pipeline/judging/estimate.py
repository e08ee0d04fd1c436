"""What a backfill would ask a paid judge, and what that costs, before a word is given."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from llm_monitoring.adapters.prices import Prices, TokenCounts
from llm_monitoring.adapters.sources import read_requests
from llm_monitoring.hours import hour_at, hour_index
from llm_monitoring.judging import JudgeItem, endpoint_epoch, messages_for
from llm_monitoring.judging.items import verdict_without_judge
from llm_monitoring.lake import Lake
from llm_monitoring.records import Request
from llm_monitoring.sampling import sample
from llm_monitoring.settings import EndpointJudgeSettings, Settings

HOURS_READ = 24  # of a longer range, spread evenly over it
CHARACTERS_PER_TOKEN = 4  # of English text
REPLY_TOKENS = 80  # of a reason of 30 words and three scores


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the judge would be asked.

    Args:
        answers: calls; answers that were judged before, or need no judge, are left out.
        cost_usd: US dollars; None: the judge's model has no price.
        hours_read: hours of which the files were read for it.
        hours: hours of the range.
    """

    answers: int
    cost_usd: float | None
    hours_read: int
    hours: int

    def sentence(self) -> str:
        """In words."""
        cost = (
            "at an unknown price" if self.cost_usd is None else f"for about ${self.cost_usd:,.2f}"
        )
        basis = f"estimated from {self.hours_read} of {self.hours} hours"
        return f"The judge would be asked about {self.answers:,} answers {cost} ({basis})."


def estimate_judging(
    lake: Lake, settings: Settings, judge: EndpointJudgeSettings, first: int, last: int,
    *, now: datetime,
) -> Estimate:  # fmt: skip
    """Estimate from the files what judging hours `first` to `last` takes."""
    start, count = hour_index(first), hour_index(last) - hour_index(first) + 1
    read = min(count, HOURS_READ)
    hours = [hour_at(start + i * count // read) for i in range(read)]
    sizes = [size for hour in hours for size in _sizes(lake, settings, judge, hour)]
    usual = sum(sizes) // max(len(sizes), 1) // CHARACTERS_PER_TOKEN
    cost, _ = Prices(settings.prices).cost(
        model_id=judge.model,
        requested_model=None,
        provider=None,
        timestamp=now,
        tokens=TokenCounts(usual, REPLY_TOKENS),
    )
    answers = round(len(sizes) * count / read)
    return Estimate(answers, None if cost is None else cost * answers, read, count)


def _sizes(
    lake: Lake, settings: Settings, judge: EndpointJudgeSettings, hour: int
) -> Iterator[int]:
    """Characters of each call that an hour would take."""
    requests = {row.request_id: row for row in read_requests(settings, hour, hour).rows}
    epoch = endpoint_epoch(judge, settings.rubric)
    judged = lake.rows("judgements", hours=(hour, hour), epoch=epoch)
    known = {row.request_id for row in judged}
    for item in _items(settings, requests, known):
        if verdict_without_judge(item) is None:
            texts = messages_for(settings.rubric, item.input_text or "", item.output_text or "")
            yield sum(len(message["content"]) for message in texts)


def _items(
    settings: Settings, requests: dict[str, Request], known: Iterable[str]
) -> Iterator[JudgeItem]:
    known = set(known)
    for drawn in sample(requests.values(), settings.sample_rate, settings.sampling.salt):
        request = requests[drawn.request_id]
        if drawn.request_id not in known:
            yield JudgeItem(
                sampled=drawn,
                input_text=request.input_text,
                output_text=request.output_text,
                finish_reason=request.finish_reason,
                error=request.error,
            )
