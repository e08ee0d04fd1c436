"""What became of the false-alarm budget in the last weeks."""

import math

from llm_monitoring.alerts.digest import digest_hours, false_alarms
from llm_monitoring.control import chart_run_length, ticket_margin
from llm_monitoring.lake import Lake
from llm_monitoring.pipeline.windows.stored import newest_hour
from llm_monitoring.settings import Settings

DIGEST_WEEKS = 4


def false_alarm_digest(lake: Lake, settings: Settings) -> str:
    """Expected and observed false alarms of the last weeks, in words."""
    newest = newest_hour(lake)
    if newest is None:
        return "nothing was measured"
    first, last = digest_hours(newest, DIGEST_WEEKS)
    rows = lake.query("charted_windows", hours=(first, last), first=first, last=last).to_pylist()
    sooner = math.exp(ticket_margin(settings))
    charted = [
        (row["windows"], length / sooner)
        for row in rows
        if (length := chart_run_length(settings, row["feature_id"], row["chart"])) is not None
    ]
    found = false_alarms(
        lake.rows("alerts"),
        lake.rows("incidents"),
        charted,
        newest_hour=newest,
        weeks=DIGEST_WEEKS,
    )
    return found.sentence()
