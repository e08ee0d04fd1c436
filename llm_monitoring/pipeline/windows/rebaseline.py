"""What people decide about baselines: stored, entered into the change ledger, and replayed."""

from datetime import datetime
from typing import Any

from llm_monitoring.control import charts_of, concerns
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.chart import Recomputed, recompute
from llm_monitoring.pipeline.windows.stored import known_series, newest_hour
from llm_monitoring.rebaselines import decide, first_changed, ledger_entry
from llm_monitoring.records import Baseline, Rebaseline
from llm_monitoring.settings import Settings


def rebaseline(
    lake: Lake, settings: Settings, now: datetime, **asked: Any
) -> tuple[Rebaseline, Recomputed | None]:
    """Store a decision and its ledger entry, then replay the charts it is about anew.

    Args:
        asked: as `decide` takes it.
    """
    entry = decide(known_series(lake), settings, now, **asked)
    lake.upsert("rebaselines", [entry])
    lake.upsert("changes", [ledger_entry(entry)])
    return entry, recompute_decided(lake, settings, entry)


def recompute_decided(lake: Lake, settings: Settings, entry: Rebaseline) -> Recomputed | None:
    """Replay the charts of a stored decision from the first window it changes; None: there is none.

    A run that died before this is made good by the next one, of this decision or of the hours.
    """
    charts = {
        series.chart_id(chart)
        for series in known_series(lake)
        if concerns(entry, series)
        for chart in charts_of(series, settings)
    }
    learned: list[Baseline] = lake.rows("baselines")
    first = first_changed(entry, (row for row in learned if row.chart_id in charts))
    newest = newest_hour(lake)
    if not charts or first is None or newest is None or first > newest:
        return None
    return recompute(lake, settings, first, newest, only=entry)
