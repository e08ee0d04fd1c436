"""Accepted shift: an episode that lasts is proposed as the new baseline; a person accepts it."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from llm_monitoring import hours
from llm_monitoring.alerts.runs import Run
from llm_monitoring.alerts.sentences import label_text, name_text
from llm_monitoring.segments import attributes_of

LASTING = 24  # windows an episode has to be open: a day
SETTLED = 20  # windows at the new level, or too little is known of it


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A level that may be the new normal, and what to tell the job that makes it so."""

    feature_id: str
    metric: str
    segment: str
    from_hour: int  # estimated first window of the present level
    windows: int  # windows at that level

    def words(self) -> str:
        """What a message about the episode adds."""
        parts = attributes_of(self.segment).items()
        named = ", ".join(f"{label_text(name)}: {label_text(value)}" for name, value in parts)
        segment = f", segment {{{named}}}"
        return (
            f"So for {self.windows} windows: if that is the new normal, accept it with the job "
            f"rebaseline: feature_id {name_text(self.feature_id)}, metric {self.metric}{segment}, "
            f"from_hour {_written(self.from_hour)}"
        )

    def job_config(self) -> str:
        """Configuration of the job, ready to paste; it asks for a reason and a name."""
        fields = {
            "feature_id": self.feature_id,
            "metric": self.metric,
            "segment": attributes_of(self.segment),  # left out, it means every segment
            "from_hour": _written(self.from_hour),
            "reason": "",
            "who": "",
        }
        lines = [f"      {name}: {_yaml(value)}" for name, value in fields.items()]
        return "\n".join(["ops:", "  rebaseline_charts:", "    config:", *lines])


def proposal_of(runs: Iterable[Run]) -> Proposal | None:
    """What is proposed of an episode; None: nothing (yet), or its charts have no baseline."""
    lasting = [run for run in runs if run.is_open and len(run.rows) >= LASTING]
    for run in lasting:
        # The newest estimate: where a level moved twice, only the present one may be accepted.
        since = run.last.change_hour or run.first.hour
        windows = _windows_since(run, since)
        if run.last.baseline_id is not None and windows >= SETTLED:
            return Proposal(
                feature_id=run.first.feature_id,
                metric=run.first.metric,
                segment=run.first.segment,
                from_hour=since,
                windows=windows,
            )
    return None


def _windows_since(run: Run, hour: int) -> int:
    before_the_alarm = max(0, hours.hours_between(hour, run.first.hour))
    return before_the_alarm + sum(row.hour >= hour for row in run.rows)


def _yaml(value: object) -> str:
    """As YAML, whatever a logged name holds: JSON, its signs escaped as YAML knows them."""
    text = json.dumps(value, ensure_ascii=False)
    return "".join(sign if sign.isprintable() else f"\\U{ord(sign):08x}" for sign in text)


def _written(hour: int) -> str:
    return f"{hours.hour_start(hour):%Y-%m-%dT%H}"
