"""Judge the sample of some hours: what this epoch has not judged yet, and nothing twice."""

from dataclasses import dataclass, replace

from llm_monitoring.adapters.redaction import Redactor
from llm_monitoring.judging import Judge, JudgeItem, judge_and_commit, settled, to_judge
from llm_monitoring.lake import Lake
from llm_monitoring.records import Judgement, SampledRequest

CHUNK = 50  # judgements to a commit: a run that is killed has paid in vain for no more
UNPAID_CHUNK = 2000  # keeps commits rare where nothing is lost but a second's work


@dataclass(frozen=True, slots=True)
class Judged:
    """Judgements of the hours by this judge, and how many of them were made now."""

    rows: list[Judgement]
    made: int


async def judge_hours(
    lake: Lake, judge: Judge, redactor: Redactor, first: int, last: int, *, is_paid: bool = False
) -> Judged:
    """Judge what is open in hours `first` to `last`; drop what a newer judgement replaced."""
    sampled = lake.rows("sampled_requests", hours=(first, last))
    existing = lake.rows("judgements", hours=(first, last))
    items = _items(lake, to_judge(sampled, existing, judge.epoch))
    chunk = CHUNK if is_paid else UNPAID_CHUNK

    def commit(rows: list[Judgement]) -> None:
        lake.append("judgements", [_redacted(row, redactor) for row in rows])

    made = await judge_and_commit(judge, items, commit, chunk)
    rows = _replace_stale(lake, sampled, existing, judge.epoch, (first, last))
    return Judged([row for row in rows if row.epoch == judge.epoch], made)


def _redacted(row: Judgement, redactor: Redactor) -> Judgement:
    """A judge saw the redacted text only; what it makes up may still look like a person."""
    return replace(
        row,
        reason=redactor.optional(row.reason),
        unscored_reason=redactor.optional(row.unscored_reason),
    )


def _items(lake: Lake, wanted: list[SampledRequest]) -> list[JudgeItem]:
    if not wanted:
        return []
    first, last = min(row.hour for row in wanted), max(row.hour for row in wanted)
    texts = lake.query("sampled_texts", hours=(first, last), first=first, last=last).to_pylist()
    by_id = {text.pop("request_id"): text for text in texts}
    return [JudgeItem(sampled=row, **by_id[row.request_id]) for row in wanted]


def _replace_stale(
    lake: Lake,
    sampled: list[SampledRequest],
    existing: list[Judgement],
    epoch: str,
    hours: tuple[int, int],
) -> list[Judgement]:
    """Drop what a newer judgement replaced; other epochs stay. Returns all rows of the hours."""
    rows = lake.rows("judgements", hours=hours)
    latest: dict[tuple[str, str], Judgement] = {}
    for row in sorted(rows, key=lambda row: row.judged_at):
        latest[row.request_id, row.epoch] = row
    made = {row.request_id for row in rows} - {row.request_id for row in existing}
    kept = {row.request_id: row for row in settled(sampled, existing, epoch)}
    wanted_ids = {row.request_id for row in sampled}
    result = [
        kept.get(row.request_id, row) if row.epoch == epoch and row.request_id not in made else row
        for row in latest.values()
        if row.epoch != epoch or row.request_id in wanted_ids
    ]
    changed = {row.hour for row in {*rows} ^ {*result}}
    if changed or len(rows) != len(result):
        span = (min(changed), max(changed)) if changed else hours
        mine = [row for row in result if span[0] <= row.hour <= span[1]]
        lake.replace_hours("judgements", mine, *span)
    return result
