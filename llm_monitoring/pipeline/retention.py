"""Retention: what is past its time goes, from every table that holds words or ids of users."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from llm_monitoring.hours import hour_key
from llm_monitoring.incidents.quotes import without_quotes
from llm_monitoring.lake import Lake
from llm_monitoring.lake.erasing import blank_words, configure, delete_rows, existing_tables
from llm_monitoring.records import Incident
from llm_monitoring.settings.models import RetentionSettings


@dataclass(frozen=True, slots=True)
class Expired:
    """What retention did.

    Args:
        versions: table -> Delta version after its old rows were deleted.
        blanked: table -> rows whose words were removed.
        incidents: without their quotes; to be stored once their pages are written anew.
        cases: regression cases deleted; their file is to be written anew.
        configured: tables of an earlier version that were given today's Delta properties.
    """

    versions: dict[str, int] = field(default_factory=dict)
    blanked: dict[str, int] = field(default_factory=dict)
    incidents: tuple[Incident, ...] = ()
    cases: int = 0
    configured: tuple[str, ...] = ()


def expire(lake: Lake, retention: RetentionSettings, now: datetime) -> Expired:
    """Delete rows, words and quotes that are past their time; `Table.kept` says which."""
    words_before = now - timedelta(days=retention.words_days)
    configured = configure(lake)
    versions = lake.expire(hour_key(now - timedelta(days=retention.raw_days)))
    blanked = {}
    for table in existing_tables(lake):
        if table.kept == "raw" and table.words:
            blanked[table.name] = blank_words(lake, table.name, hour_key(words_before))
        elif table.kept == "words":
            last = hour_key(words_before)
            versions[table.name] = lake.delete(
                table.name, f"hour < {last} and month <= {last // 10000}"
            )
    return Expired(
        versions,
        {name: rows for name, rows in blanked.items() if rows},
        _quiet_incidents(lake, words_before),
        _delete_cases(lake, retention, now),
        tuple(configured),
    )


def _quiet_incidents(lake: Lake, resolved_before: datetime) -> tuple[Incident, ...]:
    found = (without_quotes(incident, resolved_before) for incident in lake.rows("incidents"))
    return tuple(incident for incident in found if incident is not None)


def _delete_cases(lake: Lake, retention: RetentionSettings, now: datetime) -> int:
    if retention.regression_case_days is None or lake.version("regression_cases") is None:
        return 0
    before = now - timedelta(days=retention.regression_case_days)
    old = lake.rows("regression_cases", "created_at < $before", before=before)
    return delete_rows(lake, "regression_cases", "case_id", [case.case_id for case in old])
